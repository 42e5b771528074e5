"""Semantic segmentation: models of mmseg."""

import copy
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from mmengine.registry import MODELS
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmkd.entities import EntitySets, generator_of_step, pixel_entities
from mmkd.networks.connector import equal_size
from mmkd.tasks.base import TapConfig, Task
from mmkd.tasks.comparable import ComparableLogits
from mmkd.tasks.padding import valid_positions
from mmkd.tasks.preactivation import preactivation_taps

if TYPE_CHECKING:
    from mmkd.step import Step


class SegmentationTask(Task):
    """Students are EncoderDecoders of mmseg, cascades included.

    Logits are read where the decode head hands them to its loss, because mmseg calls the head's ``forward`` directly
    and a forward hook on it would never fire.
    """

    name: ClassVar[str] = 'segmentation'
    entity_source: ClassVar[str] = 'decoder'

    def default_taps(self, student: nn.Module) -> TapConfig:
        """Backbone stages, neck levels, and the logits (N, K, H, W) of the (last) decode head at its own stride."""
        path, head = _decode_head(student)
        if not isinstance(head, BaseDecodeHead):
            raise TypeError(
                f'The decode head is a {type(head).__name__}, but only heads with per-pixel logits can be distilled: '
                f'use one derived from BaseDecodeHead.'
            )
        # The head applies dropout between this map and its classifier.
        decoder = f'{path}.cls_seg:input[0]'
        taps = dict(backbone='backbone', logits=f'{path}.loss_by_feat:input[0]', decoder=decoder, tokens=decoder)
        taps.update(preactivation_taps(student.backbone, getattr(student.backbone, 'out_indices', None)))
        if student.with_neck:
            taps['neck'] = 'neck'
        self.ignore_index = head.ignore_index
        self.align_corners = head.align_corners
        return taps

    def num_classes(self, student: nn.Module) -> int:
        """Classes of the decode head."""
        return _decode_head(student)[1].num_classes

    def logits(self, record: Any) -> Tensor:
        """Logits (N, K, H, W) at the stride of the head.

        Raises:
            TypeError: If the head hands something else to its loss.
        """
        logits = super().logits(record)
        if not isinstance(logits, Tensor) or logits.dim() != 4:
            raise TypeError(
                f'The decode head hands a {type(logits).__name__} to its loss, but logits (N, K, H, W) are needed: '
                "name the tensor with taps=dict(logits='decode_head.loss_by_feat:input[0][0]') or set logit_weight=0."
            )
        return logits

    def targets(self, data_samples: list[Any]) -> Tensor:
        """Label maps (N, H, W), integer, with the ignored value where void."""
        return torch.cat([sample.gt_sem_seg.data for sample in data_samples])

    def predict(self, model: nn.Module, images: Tensor, step: 'Step | None' = None) -> Tensor:
        """Logits (N, K, h, w) of the (last) decode head, at its stride."""
        features = model.extract_feat(images)
        if not isinstance(model.decode_head, nn.ModuleList):
            return model.decode_head.forward(features)
        logits = model.decode_head[0].forward(features)
        for head in model.decode_head[1:]:
            logits = head.forward(features, logits)
        return logits

    def build_head(self, student: nn.Module, channels: Sequence[int], config: dict | None) -> nn.Module:
        """A decode head over all levels of the self-teacher.

        The default is mmseg's ``SegformerHead``: 1x1 to ``channels``, resize to the finest level, concatenate,
        classify. It reads every level, so that all of the self-teacher is trained by its cross entropy.

        Raises:
            ValueError: If the config asks for another number of classes than the student has.
        """
        head = _decode_head(student)[1]
        config = _complete(dict(config or {}), head, channels)
        if config['num_classes'] != head.num_classes:
            raise ValueError(
                f'The head of the self-teacher has num_classes={config["num_classes"]}, but the student has '
                f'{head.num_classes}: leave num_classes out, it is taken from the student.'
            )
        extra = MODELS.build(config)
        if 'loss_decode' not in config:
            extra.loss_decode = copy.deepcopy(head.loss_decode)
        if head.sampler is not None:
            # The sampler weighs pixels by the loss of the head it belongs to.
            extra.sampler = copy.copy(head.sampler)
            extra.sampler.context = extra
        return extra

    def head_loss(self, step: 'Step', head: nn.Module | None, output: Tensor) -> Tensor:
        """Sum of the losses that the decode head computes from its logits."""
        losses = (head or _decode_head(step.student)[1]).loss_by_feat(output, step.data_samples)
        return sum(value for key, value in losses.items() if 'loss' in key)

    def comparable_logits(
        self, step: 'Step', output: Tensor, mask_ignored: bool = False, full_size: bool = True
    ) -> ComparableLogits:
        """Logits at one size, and the mask of pixels (N, H, W).

        With ``full_size`` both are resized to the labels, otherwise the teacher's to the student's size. Without
        ``mask_ignored`` void pixels count, unless the whole batch is void. Padding never counts.

        Raises:
            TypeError: If the head tells two classes apart by one sigmoid channel, which has no softmax to compare.
        """
        student = step.logits()
        if student.shape[1] == 1:
            raise TypeError(
                'The decode head has one sigmoid channel, but soft targets compare the softmax of two channels or '
                'more: set logit_weight=0, or out_channels=2 in the head.'
            )
        labels = step.targets()
        size = labels.shape[-2:] if full_size else student.shape[-2:]
        if not full_size:
            labels = _nearest(labels, size)
        valid = labels != self.ignore_index
        mask = valid if mask_ignored else valid.any().expand_as(valid)
        student, teacher = self._resize(student, size), self._resize(output, size)
        inside = self.valid_positions(step, [student])
        return ComparableLogits(student, teacher, mask if inside is None else mask & inside[0])

    def check_softmax(self, student: nn.Module, method: str) -> None:
        """Raise a ``TypeError`` unless the decode head has a channel for every class."""
        if _decode_head(student)[1].out_channels == 1:
            raise TypeError(
                f'{method} compares the softmax over classes, but the decode head tells two classes apart by one '
                'sigmoid channel: give it out_channels=2.'
            )

    def logit_labels(self, step: 'Step') -> Tensor:
        """Labels (N, h, w) at the stride of the head, each of the nearest pixel; void keeps the ignored value."""
        return _nearest(step.targets(), step.logits().shape[-2:])

    def entities(
        self, step: 'Step', student: Sequence[Tensor], teacher: Sequence[Tensor], limit: int
    ) -> EntitySets:
        """Pixels and regions that are neither void nor padding, of the two decoder maps at the smaller size."""
        own, other = equal_size(student[-1], teacher[-1], functools.partial(self.valid_positions, step))
        labels = _nearest(step.targets(), own.shape[-2:])
        inside = self.valid_positions(step, [own])
        valid = labels != self.ignore_index
        valid = valid if inside is None else valid & inside[0]
        return pixel_entities(own, other, labels, valid, limit, generator_of_step())

    def decisive_logits(self, step: 'Step') -> tuple[Tensor, bool]:
        """The student's logits at pixels that are neither void nor padding, at the stride of the head, (M, K)."""
        logits = self.comparable_logits(step, step.logits(), mask_ignored=True, full_size=False)
        return logits.student.permute(0, 2, 3, 1)[logits.mask], False

    def valid_positions(self, step: 'Step', maps: Sequence[Tensor]) -> list[Tensor] | None:
        """Masks (N, h, w) of what is image and not padding, None where nothing is padded."""
        height, width = step.batch_size
        # left, right, top, bottom; mmseg pads at the right and at the bottom
        padding = [sample.metainfo.get('padding_size', (0, 0, 0, 0)) for sample in step.data_samples]
        sizes = [(height - bottom, width - right) for _, right, _, bottom in padding]
        return valid_positions(sizes, step.batch_size, maps)

    def labelled_positions(self, step: 'Step', maps: Sequence[Tensor]) -> list[Tensor] | None:
        """Masks (N, h, w) of positions that see a labelled pixel of their image."""
        labelled = (step.targets() != self.ignore_index).float()
        masks = [nn.functional.adaptive_max_pool2d(labelled, tuple(level.shape[-2:])) > 0 for level in maps]
        inside = self.valid_positions(step, maps)
        return masks if inside is None else [mask & own for mask, own in zip(masks, inside, strict=True)]

    def _resize(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        if logits.shape[-2:] == size:
            return logits
        return resize(logits, size=size, mode='bilinear', align_corners=self.align_corners)


def _complete(config: dict, head: nn.Module, channels: Sequence[int]) -> dict:
    copied = ('num_classes', 'out_channels', 'threshold', 'align_corners', 'ignore_index')
    shared = {key: getattr(head, key) for key in copied}
    if 'type' not in config:
        levels = list(range(len(channels)))
        width = min(128, *channels)
        shared.update(
            type='mmseg.SegformerHead', in_index=levels, channels=width, dropout_ratio=0.0, norm_cfg=dict(type='BN')
        )
    config = {**shared, **config}
    index = config.get('in_index', -1)
    chosen = [channels[i] for i in index] if isinstance(index, list | tuple) else channels[index]
    config.setdefault('in_channels', chosen)
    return config


def _nearest(labels: Tensor, size: tuple[int, int]) -> Tensor:
    return nn.functional.interpolate(labels[:, None].float(), size=size, mode='nearest')[:, 0].long()


def _decode_head(student: nn.Module) -> tuple[str, nn.Module]:
    if isinstance(student.decode_head, nn.ModuleList):
        return f'decode_head.{len(student.decode_head) - 1}', student.decode_head[-1]
    return 'decode_head', student.decode_head
