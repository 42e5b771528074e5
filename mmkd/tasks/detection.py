"""Object detection: models of mmdet."""

from typing import Any, ClassVar

from torch import Tensor, nn

from mmkd.tasks.base import TapConfig, Task


class DetectionTask(Task):
    """Students are one-stage and two-stage detectors of mmdet with a feature pyramid."""

    name: ClassVar[str] = 'detection'

    def default_taps(self, student: nn.Module) -> TapConfig:
        """Backbone stages, neck levels, and the class scores that the head hands to its loss.

        One-stage heads give a list of maps (N, A K, H, W), one per level; two-stage heads a tensor (rois, K + 1).
        """
        taps = dict(backbone='backbone')
        if student.with_neck:
            taps['neck'] = 'neck'
        if hasattr(student, 'roi_head'):
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

    def comparable_logits(
        self, student: Tensor, teacher: Tensor, data_samples: list[Any], mask_ignored: bool, full_size: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Class scores as the heads give them; which locations count is the method's matter."""
        return student, teacher, None
