"""Image classification: models of mmpretrain."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from mmkd.entities import Entities, EntitySets
from mmkd.taps import Taps
from mmkd.tasks.base import TapConfig, Task
from mmkd.tasks.comparable import ComparableLogits
from mmkd.tasks.multi_view import num_views, upright_loss
from mmkd.tasks.preactivation import preactivation_taps
from mmkd.tasks.token_grid import TokenGrid, token_tap

if TYPE_CHECKING:
    from mmkd.step import Step


class ClassificationTask(Task):
    """Students are ImageClassifiers of mmpretrain with one linear classifier."""

    name: ClassVar[str] = 'classification'
    entity_source: ClassVar[str] = 'embedding'
    maps_advice: ClassVar[str] = (
        "set its out_indices to several stages, with out_type='featmap' (ViT) or gap_before_output=False (ConvNeXt) "
        'and a GlobalAveragePooling neck where it pools by itself'
    )

    def default_taps(self, student: nn.Module) -> TapConfig:
        """Backbone stages and the logits (N, K), read where the head hands them to its loss."""
        # A residual classifier's backbone returns its last stage only, but its stages are modules of their own.
        stages = [f'backbone.{name}' for name in getattr(student.backbone, 'res_layers', [])]
        taps = dict(
            backbone=stages or 'backbone',
            logits='head._get_loss:input[cls_score]',
            embedding='head.pre_logits',
            tokens=token_tap(student.backbone, stages),
        )
        self.token_grid = TokenGrid.of(student.backbone)
        if student.with_neck:
            taps['neck'] = 'neck'
        return {**taps, **preactivation_taps(student.backbone)}

    def num_classes(self, student: nn.Module) -> int:
        """Classes of the head."""
        return student.head.num_classes

    def targets(self, data_samples: list[Any]) -> Tensor:
        """Labels (N,), or scores (N, K) where a batch augmentation has mixed them."""
        if 'gt_score' in data_samples[0]:
            return torch.stack([sample.gt_score for sample in data_samples])
        return torch.cat([sample.gt_label for sample in data_samples])

    def build_head(self, student: nn.Module, channels: Sequence[int], config: dict | None) -> nn.Module:
        """A linear classifier on the global average of the deepest map."""
        return PooledClassifier(channels[-1], self.num_classes(student))

    def head_loss(self, step: 'Step', head: nn.Module | None, output: Tensor) -> Tensor:
        """The loss module of the student's head (label smoothing and mixed labels included) on other logits (N, K)."""
        return step.student.head.loss_module(output, step.targets(), avg_factor=output.shape[0])

    def predict(self, model: nn.Module, images: Tensor, step: 'Step | None' = None) -> Tensor:
        """Logits (N, K)."""
        return model(images, mode='tensor')

    def embed(self, student: nn.Module, images: Tensor, source: str | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What the classifier reads of images, (N, D), and their feature maps of a source, none for ``None``.

        Raises:
            ValueError: If the classifier does not read one vector per image.
        """
        paths = [*self.taps('embedding'), *(self.taps(source) if source else [])]
        with Taps(student, paths, stop=True) as record:
            self.predict(student, images)
        return self.embedding(record), self.features(record, source) if source else ()

    def features(self, record: Taps, source: str, least: int = 1) -> tuple[Tensor, ...]:
        """Feature maps of a source, shallow first; a transformer's patch tokens are laid out as a map."""
        if source == 'tokens' and self.token_grid is not None:
            return (self.token_grid.as_map(record[self.taps(source)[0]]),)
        return super().features(record, source, least)

    def comparable_logits(
        self, step: 'Step', output: Tensor, mask_ignored: bool = False, full_size: bool = True
    ) -> ComparableLogits:
        """Logits (N, K); every row counts."""
        return ComparableLogits(step.logits(), output)

    def entities(self, step: 'Step', student: Tensor, teacher: Tensor, limit: int) -> EntitySets:
        """Images, or views of images, by the vectors that the classifiers read; all of them, as none is a batch more.

        Raises:
            ValueError: If the batch has more rows than ``limit``.
        """
        labels = self.logit_labels(step)
        if len(labels) > limit:
            raise ValueError(
                f'The batch has {len(labels)} images or views, but no more than max_entities={limit} are compared: '
                'raise it, or lower the batch size.'
            )
        images = torch.arange(len(labels), device=labels.device) // self.num_views(step.data_samples)
        entities = Entities(student, teacher, labels, images)
        return EntitySets(entities, entities)

    def num_views(self, data_samples: list[Any]) -> int:
        """Rows that the batch has for each image, see :class:`mmkd.datasets.RotatedViews`."""
        return num_views(data_samples)

    def loss_of_views(self, student: nn.Module, data_samples: list[Any]) -> AbstractContextManager:
        """A context in which the student's own loss learns the upright view of every image alone."""
        views = self.num_views(data_samples)
        return upright_loss(student.head, views) if views > 1 else nullcontext()

    def logit_labels(self, step: 'Step') -> Tensor:
        """Labels (N,); those that a batch augmentation has mixed count as the class with the largest share."""
        targets = step.targets()
        return targets if targets.dim() == 1 else targets.argmax(dim=1)


class PooledClassifier(nn.Module):
    """Global average pooling of the deepest map and a linear layer.

    Args:
        in_channels: Channels of the deepest map.
        num_classes: Number of classes K.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, num_classes)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits (N, K) of maps, shallow first."""
        return self.fc(maps[-1].mean(dim=(2, 3)))
