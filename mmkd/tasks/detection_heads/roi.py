"""Box heads of two-stage detectors: a prediction for every sampled proposal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmkd.losses.reduce import connected_zero
from mmkd.tasks.comparable import ComparableLogits
from mmkd.tasks.detection_heads.base import HeadAdapter, given, given_targets, sum_of_losses
from mmkd.tasks.detection_heads.box_distance import box_distance

if TYPE_CHECKING:
    from mmkd.step import Step


class RoIHeads(HeadAdapter):
    """Box heads of Faster and Mask R-CNN, both run on the same proposals; the student's own RPN chooses these.

    A mask head keeps its own loss and is not distilled; it gains by the features.

    Args:
        path: Where the box head is in the student.
        num_levels: Neck levels that RoIAlign reads; the RPN alone reads the others, and the self-teacher none of them.
    """

    def __init__(self, path: str, num_levels: int) -> None:
        super().__init__(path)
        self.num_levels = num_levels

    @property
    def taps(self) -> list[str]:
        """The arguments of the head's loss: predictions, proposals and their assignment."""
        return [f'{self.path}.loss_and_target:input']

    @property
    def neck_tap(self) -> str:
        """The levels that RoIAlign reads."""
        return f'neck[:{self.num_levels}]'

    def output(self, step: 'Step', head: nn.Module | None, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Class scores (rois, C + 1) and box deltas of the student's proposals, pooled from other maps."""
        features = step.student.roi_head.bbox_roi_extractor(tuple(maps), step.record[self.taps[0]]['rois'])
        with self.second(step, head) as second:
            return second(features)

    def own_output(self, step: 'Step') -> tuple[Tensor]:
        """The student's class scores of its proposals."""
        return (step.record[self.taps[0]]['cls_score'],)

    @property
    def assignment_taps(self) -> list[str]:
        """The proposals and their assignment, and that of the anchors."""
        return [*self.taps, 'rpn_head.get_targets']

    @contextmanager
    def same_assignment(self, step: 'Step') -> Iterator[None]:
        """A context in which RPN and box head get the targets of the step, and the box head its proposals."""
        sampled = _Repeated(step.record[self.taps[0]]['sampling_results'])
        rpn = given_targets(step.student.rpn_head, step.record['rpn_head.get_targets'])
        with rpn, given(step.student.roi_head, bbox_assigner=sampled, bbox_sampler=sampled):
            yield

    def predict(self, model: nn.Module, maps: Sequence[Tensor], step: 'Step | None') -> tuple[Tensor, Tensor]:
        """Class scores (rois, C + 1) and box deltas of a model for the student's proposals."""
        rois = step.record[self.taps[0]]['rois']
        features = model.roi_head.bbox_roi_extractor(tuple(maps)[: self.num_levels], rois)
        return self.head_of(model)(features)

    def layout(self, head: nn.Module) -> tuple:
        """Whether classes exclude each other."""
        return (head.loss_cls.use_sigmoid,)

    def loss(self, step: 'Step', head: nn.Module | None, output: tuple[Tensor, Tensor]) -> Tensor:
        """The head's own loss with the boxes that the student's proposals were given."""
        heard = step.record[self.taps[0]]
        arguments = {name: heard[name] for name in ('rois', 'sampling_results', 'rcnn_train_cfg')}
        losses = (head or self.head_of(step.student)).loss_and_target(*output, **arguments)
        return sum_of_losses(losses['loss_bbox'])

    def comparable_logits(self, step: 'Step', output: tuple[Tensor, Tensor]) -> ComparableLogits:
        """Rows (rois, C + 1), weighted by the highest foreground probability of the second head."""
        head = self.head_of(step.student)
        own, other = step.record[self.taps[0]]['cls_score'], output[0]
        binary = head.loss_cls.use_sigmoid
        scores = other.detach().float()
        probability = scores.sigmoid() if binary else scores.softmax(dim=1)
        weight = probability[:, : head.num_classes].amax(dim=1)
        return ComparableLogits(own, other, weight=weight, binary=binary)

    def check_softmax(self, student: nn.Module, method: str) -> None:
        """Raise a ``TypeError`` in the name of a method if the classes are sigmoids of their own."""
        if self.head_of(student).loss_cls.use_sigmoid:
            raise TypeError(
                f'{method} compares the softmax over classes of every proposal, but each class of the box head is a '
                'sigmoid of its own: set loss_cls=dict(use_sigmoid=False, ...) in it, or use mmkd.LogitKD.'
            )

    def proposal_labels(self, step: 'Step') -> Tensor:
        """Labels (rois,) of the sampled proposals; the number of classes stands for background."""
        return _positives(self.head_of(step.student), step.record[self.taps[0]])[0]

    def positive_logits(self, step: 'Step') -> tuple[Tensor, bool]:
        """Class scores (M, C + 1) of positive proposals."""
        head, heard = self.head_of(step.student), step.record[self.taps[0]]
        return heard['cls_score'][_positives(head, heard)[1]], head.loss_cls.use_sigmoid

    def box_loss(self, step: 'Step', output: tuple[Tensor, Tensor], temperature: float) -> Tensor:
        """GIoU of the decoded boxes of the true class, at positive proposals."""
        head, heard = self.head_of(step.student), step.record[self.taps[0]]
        labels, positive = _positives(head, heard)
        own, other = heard['bbox_pred'], output[1]
        if not len(positive):
            return connected_zero(own)
        chosen = torch.zeros_like(labels[positive]) if head.reg_class_agnostic else labels[positive]
        deltas = [rows[positive].view(len(positive), -1, 4)[range(len(positive)), chosen] for rows in (own, other)]
        rois = heard['rois'][positive, 1:]
        return box_distance(*(head.bbox_coder.decode(rois, rows.float()) for rows in deltas))


class _Repeated:
    """Stands for assigner and sampler: gives, image by image, what was sampled before."""

    def __init__(self, results: Sequence[Any]) -> None:
        self.results = iter(results)

    def assign(self, *args: Any, **kwargs: Any) -> None:
        """Nothing, as sampling does not ask."""

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        """The result of the next image."""
        return next(self.results)


def _positives(head: nn.Module, heard: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The labels of all proposals, and the indices of those that have an object."""
    labels = head.get_targets(heard['sampling_results'], heard['rcnn_train_cfg'])[0]
    return labels, ((labels >= 0) & (labels < head.num_classes)).nonzero().squeeze(1)
