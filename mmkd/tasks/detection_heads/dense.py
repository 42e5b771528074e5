"""Dense heads: a prediction at every location (and anchor) of every neck level."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from mmdet.models.dense_heads import ATSSHead, FCOSHead, GFLHead, RetinaHead, RTMDetHead
from torch import Tensor, nn

from mmkd.losses.reduce import connected_zero
from mmkd.losses.soft_target import soft_target_loss
from mmkd.tasks.comparable import ComparableLogits
from mmkd.tasks.detection_heads.base import HeadAdapter, given_targets, sum_of_losses
from mmkd.tasks.detection_heads.box_distance import box_distance

if TYPE_CHECKING:
    from mmkd.step import Step

# Where the labels are in what get_targets gives, by the loss that takes it apart. A head with another loss of its own
# means something else by its outputs.
LABELS = {
    RetinaHead.loss_by_feat: 0,
    FCOSHead.loss_by_feat: 0,
    ATSSHead.loss_by_feat: 1,
    GFLHead.loss_by_feat: 1,
    RTMDetHead.loss_by_feat: 1,
}
TRUTH = ('batch_gt_instances', 'batch_img_metas', 'batch_gt_instances_ignore')


def is_dense(head: nn.Module) -> bool:
    """Whether a head is one of RetinaNet, FCOS, ATSS, GFL and RTMDet, or derived without a loss of its own."""
    return getattr(type(head), 'loss_by_feat', None) in LABELS


class DenseHeads(HeadAdapter):
    """Heads of RetinaNet, FCOS, ATSS, GFL and RTMDet.

    Rows are ordered by level, image, position and anchor, as those heads flatten them for their own losses.
    """

    @property
    def taps(self) -> list[str]:
        """The arguments of the head's loss, and its assignment."""
        return [f'{self.path}.loss_by_feat:input', f'{self.path}.get_targets']

    def output(self, step: 'Step', head: nn.Module | None, maps: Sequence[Tensor]) -> tuple[list[Tensor], ...]:
        """Class scores (N, A C, H, W), box predictions and what else the head gives, a list of levels each."""
        with self.second(step, head) as second:
            return second(tuple(maps))

    def own_output(self, step: 'Step') -> tuple[list[Tensor]]:
        """The student's class scores."""
        return (step.record[self.taps[0]]['cls_scores'],)

    @property
    def assignment_taps(self) -> list[str]:
        """The assignment."""
        return self.taps[1:]

    def same_assignment(self, step: 'Step') -> AbstractContextManager:
        """A context in which the student's head gets the targets of the step."""
        return self._assigned(step, self.head_of(step.student))

    def predict(self, model: nn.Module, maps: Sequence[Tensor], step: 'Step | None') -> tuple[list[Tensor], ...]:
        """Class scores (N, A C, H, W), box predictions and what else a model's head gives."""
        return self.head_of(model)(tuple(maps))

    def layout(self, head: nn.Module) -> tuple:
        """Class channels, anchors per location and number of levels."""
        return (head.cls_out_channels, head.num_base_priors, len(head.prior_generator.strides))

    def loss(self, step: 'Step', head: nn.Module | None, output: tuple[list[Tensor], ...]) -> Tensor:
        """The head's own loss with the targets that the student was given."""
        heard = step.record[self.taps[0]]
        head = head or self.head_of(step.student)
        with self._assigned(step, head):
            return sum_of_losses(head.loss_by_feat(*output, **{name: heard[name] for name in TRUTH if name in heard}))

    def comparable_logits(self, step: 'Step', output: tuple[list[Tensor], ...]) -> ComparableLogits:
        """Rows (locations and anchors, C), weighted by the highest foreground probability of the second head.

        Locations in the padding have the weight 0.
        """
        head, student = self.head_of(step.student), step.record[self.taps[0]]['cls_scores']
        channels = head.cls_out_channels
        binary = channels == head.num_classes
        # A teacher of another stride gives maps of other sizes.
        levels = [_resized(level, own) for level, own in zip(output[0], student, strict=True)]
        own, other = _rows(student, channels), _rows(levels, channels)
        scores = other.detach().float()
        confidence = scores.sigmoid() if binary else scores.softmax(dim=1)[:, : head.num_classes]
        weight = confidence.amax(dim=1)
        inside = _inside(step, student, channels)
        if inside is not None:
            weight = weight.masked_fill(~inside, 0)
        return ComparableLogits(own, other, weight=weight, binary=binary)

    def box_loss(self, step: 'Step', output: tuple[list[Tensor], ...], temperature: float) -> Tensor:
        """At positives: KL of the distributions of distances where the head has them, otherwise GIoU of the boxes."""
        head = self.head_of(step.student)
        student = step.record[self.taps[0]]['bbox_preds']
        positive = self._positive(step, head)
        width = 4 * (head.reg_max + 1) if isinstance(head, GFLHead) else 4
        own, other = (_rows(levels, width)[positive] for levels in (student, output[1]))
        if not len(own):
            return connected_zero(own)
        if isinstance(head, GFLHead):
            return soft_target_loss(*(rows.reshape(-1, head.reg_max + 1) for rows in (own, other)), None, temperature)
        priors = _priors(head, student)[positive]
        return box_distance(*(head.bbox_coder.decode(priors, rows.float()) for rows in (own, other)))

    def positive_logits(self, step: 'Step') -> tuple[Tensor, bool]:
        """Class scores (M, C) at positive locations and anchors."""
        head = self.head_of(step.student)
        rows = _rows(step.record[self.taps[0]]['cls_scores'], head.cls_out_channels)
        return rows[self._positive(step, head)], head.cls_out_channels == head.num_classes

    def _assigned(self, step: 'Step', head: nn.Module) -> AbstractContextManager:
        # Assigned once, from the student: a second dynamic assignment would teach other boxes at the same location.
        return given_targets(head, step.record[self.taps[1]])

    def _positive(self, step: 'Step', head: nn.Module) -> Tensor:
        labels = step.record[self.taps[1]][LABELS[type(head).loss_by_feat]]
        labels = torch.cat([level.reshape(-1) for level in labels])
        positive = (labels >= 0) & (labels < head.num_classes)
        inside = _inside(step, step.record[self.taps[0]]['cls_scores'], head.cls_out_channels)
        return (positive if inside is None else positive & inside).nonzero().squeeze(1)


def _rows(levels: Sequence[Tensor], width: int) -> Tensor:
    return torch.cat([level.permute(0, 2, 3, 1).reshape(-1, width) for level in levels])


def _resized(scores: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    return scores if scores.shape[-2:] == size else F.interpolate(scores, size, mode='bilinear', align_corners=False)


def _inside(step: 'Step', scores: Sequence[Tensor], channels: int) -> Tensor | None:
    masks = step.task.valid_positions(step, scores)
    if masks is None:
        return None
    anchors = scores[0].shape[1] // channels
    return torch.cat([mask.flatten().repeat_interleave(anchors) for mask in masks])


def _priors(head: nn.Module, levels: Sequence[Tensor]) -> Tensor:
    sizes = [level.shape[-2:] for level in levels]
    priors = head.prior_generator.grid_priors(sizes, dtype=torch.float32, device=levels[0].device)
    return torch.cat([level.repeat(levels[0].shape[0], 1) for level in priors])
