"""How far the boxes of two heads are apart."""

from mmdet.models.losses.iou_loss import giou_loss
from torch import Tensor

from mmkd.losses.reduce import connected_zero


def box_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - GIoU of pairs of boxes (M, 4), averaged over the pairs of which both are boxes; the teacher is detached.

    Heads without an activation (RTMDet) may predict a right side left of the left one, and the GIoU of two such has no
    bound.
    """
    proper = [(boxes[:, 2:] > boxes[:, :2]).all(dim=1) for boxes in (student, teacher)]
    both = proper[0] & proper[1]
    return giou_loss(student[both], teacher[both].detach()) if both.any() else connected_zero(student)
