"""Object detection: models of mmdet."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from mmkd.entities import Entities, EntitySets, balanced_sample, generator_of_step
from mmkd.entities.boxes import box_features
from mmkd.tasks.base import TapConfig, Task
from mmkd.tasks.comparable import ComparableLogits
from mmkd.tasks.detection_heads import HeadAdapter, adapter_of
from mmkd.tasks.padding import valid_positions
from mmkd.tasks.preactivation import preactivation_taps

if TYPE_CHECKING:
    from mmkd.step import Step


class DetectionTask(Task):
    """Students are one-stage and two-stage detectors of mmdet with a feature pyramid."""

    name: ClassVar[str] = 'detection'
    entity_source: ClassVar[str] = 'neck'
    self_teacher_width: ClassVar[float] = 1.0

    def default_taps(self, student: nn.Module) -> TapConfig:
        """Backbone stages, neck levels that the head reads, and the class scores that the head hands to its loss.

        One-stage heads give a list of maps (N, A K, H, W), one per level; two-stage heads a tensor (rois, K + 1).
        """
        self.adapter = adapter_of(student)
        taps = dict(backbone='backbone')
        taps.update(preactivation_taps(student.backbone, getattr(student.backbone, 'out_indices', None)))
        if student.with_neck:
            taps['neck'] = taps['tokens'] = self.adapter.neck_tap if self.adapter else 'neck'
        if hasattr(student, 'roi_head'):
            self.has_logits_of_proposals = True
            taps['logits'] = 'roi_head.bbox_head.loss_and_target:input[cls_score]'
        elif hasattr(getattr(student, 'bbox_head', None), 'loss_by_feat'):
            taps['logits'] = 'bbox_head.loss_by_feat:input[0]'
        return taps

    def num_classes(self, student: nn.Module) -> int:
        """Classes of the (box) head, background excluded."""
        head = student.roi_head.bbox_head if hasattr(student, 'roi_head') else student.bbox_head
        return head.num_classes

    def targets(self, data_samples: list[Any]) -> list[Any]:
        """The ``gt_instances`` (boxes, labels) of every image."""
        return [sample.gt_instances for sample in data_samples]

    def head_taps(self) -> list[str]:
        """Predictions, ground truth and assignment, as the student's head gives them to its loss."""
        return self._known_adapter().taps

    def build_head(self, student: nn.Module, channels: Sequence[int], config: dict | None) -> nn.Module:
        """A second head like the student's with weights of its own, or that of a config.

        Raises:
            TypeError: If no head of the student can read the maps of a self-teacher.
            ValueError: If the maps have other channels than the student's head reads.
        """
        return self._known_adapter(student).build(student, channels, config)

    def check_shared_head(self, student: nn.Module, channels: Sequence[int]) -> None:
        """Raise a ``ValueError`` unless the student's own head can read maps of these channels."""
        adapter = self._known_adapter(student)
        adapter.check_channels(adapter.head_of(student), channels)

    def check_logits(self, student: nn.Module) -> None:
        """Raise a ``TypeError`` unless class scores of the student's head can be compared."""
        adapter = self._known_adapter(student)
        if not adapter.has_known_logits:
            raise TypeError(adapter.refusal(student))

    check_boxes = check_logits

    def predict(self, model: nn.Module, images: Tensor, step: 'Step | None' = None) -> Any:
        """Dense predictions of a model's head, or those for the student's proposals."""
        maps = model.extract_feat(images)
        return self._known_adapter(model).predict(model, maps, step)

    def check_teacher(self, student: nn.Module, model: nn.Module, task: Task) -> None:
        """Raise an error unless a teacher's class scores stand for the same classes, locations and anchors."""
        super().check_teacher(student, model, task)
        self._known_adapter(student).check_teacher(student, model, task.adapter)

    def own_output(self, step: 'Step') -> Any:
        """The student's class scores in the structure of a head's output."""
        return self._known_adapter().own_output(step)

    def assignment_taps(self) -> list[str]:
        """The assignment of boxes to locations or proposals; nothing where mmkd does not know the head."""
        return self.adapter.assignment_taps if self.adapter is not None else []

    def same_assignment(self, step: 'Step') -> AbstractContextManager:
        """A context in which the student's head gets the assignment of the step, whatever it predicts.

        Heads that mmkd does not know make an assignment of their own.
        """
        return self.adapter.same_assignment(step) if self.adapter is not None else nullcontext()

    def head_output(self, step: 'Step', head: nn.Module | None, maps: Sequence[Tensor]) -> Any:
        """What the (second) head makes of maps: dense predictions, or those of the student's proposals."""
        return self._known_adapter().output(step, head, maps)

    def head_loss(self, step: 'Step', head: nn.Module | None, output: Any) -> Tensor:
        """The head's own losses, with the assignment that the student's head got."""
        return self._known_adapter().loss(step, head, output)

    def comparable_logits(
        self, step: 'Step', output: Any, mask_ignored: bool = False, full_size: bool = True
    ) -> ComparableLogits:
        """Class scores per location or proposal, weighted by the second head's confidence; padding has the weight 0."""
        return self._known_adapter().comparable_logits(step, output)

    def check_softmax(self, student: nn.Module, method: str) -> None:
        """Raise a ``TypeError`` unless the student has a box head with one softmax for every proposal."""
        self._known_adapter(student).check_softmax(student, method)

    def logit_labels(self, step: 'Step') -> Tensor:
        """Labels (M,) of the student's proposals; the last class is background."""
        return self._known_adapter().proposal_labels(step)

    def entities(
        self, step: 'Step', student: Sequence[Tensor], teacher: Sequence[Tensor], limit: int
    ) -> EntitySets:
        """Ground-truth boxes, pooled from the level of each pyramid that suits their size."""
        boxes, labels, images = _ground_truth(step)
        drawn = balanced_sample(labels, limit, generator_of_step())
        own, other = (
            box_features(levels, boxes[drawn], images[drawn], step.batch_size) for levels in (student, teacher)
        )
        entities = Entities(own, other, labels[drawn], images[drawn])
        return EntitySets(entities, entities)

    def decisive_logits(self, step: 'Step') -> tuple[Tensor, bool]:
        """The student's class scores at positive locations or proposals, (M, C)."""
        return self._known_adapter().positive_logits(step)

    def box_loss(self, step: 'Step', output: Any, temperature: float) -> Tensor:
        """How far the student's boxes at positives are from the second head's."""
        return self._known_adapter().box_loss(step, output, temperature)

    def valid_positions(self, step: 'Step', maps: Sequence[Tensor]) -> list[Tensor] | None:
        """Masks (N, h, w) of what is image and not padding, None where nothing is padded."""
        return valid_positions([sample.img_shape[:2] for sample in step.data_samples], step.batch_size, maps)

    def _known_adapter(self, student: nn.Module | None = None) -> HeadAdapter:
        if self.adapter is None:
            kind = f'The {type(student).__name__}' if student is not None else 'The student'
            raise TypeError(
                f'{kind} has no head that could be run on the maps of a self-teacher as well (cascades, transformers '
                'and box heads with a loss of their own have none): use a one-stage detector, Faster or Mask R-CNN.'
            )
        return self.adapter


def _ground_truth(step: 'Step') -> tuple[Tensor, Tensor, Tensor]:
    """Corners (M, 4), classes (M,) and images (M,) of all boxes of a batch."""
    truths = step.targets()
    # Boxes may be tensors or objects of mmdet that hold one.
    corners = [getattr(truth.bboxes, 'tensor', truth.bboxes) for truth in truths]
    images = [torch.full_like(truth.labels, index) for index, truth in enumerate(truths)]
    return torch.cat(corners), torch.cat([truth.labels for truth in truths]), torch.cat(images)
