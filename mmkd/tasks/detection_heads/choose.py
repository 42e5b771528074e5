"""Which kind of head a detector has."""

import inspect

from mmdet.models.roi_heads import BBoxHead, StandardRoIHead
from torch import nn

from mmkd.tasks.detection_heads.base import HeadAdapter
from mmkd.tasks.detection_heads.dense import DenseHeads, is_dense
from mmkd.tasks.detection_heads.opaque import OpaqueHeads
from mmkd.tasks.detection_heads.roi import RoIHeads

UNCHANGED = ('bbox_loss', '_bbox_forward')
PLACES = ('bbox_head', 'mask_head', 'panoptic_head')


def adapter_of(student: nn.Module) -> HeadAdapter | None:
    """The adapter of a detector's head, None where no head reads the neck's maps and the ground truth."""
    if hasattr(student, 'roi_head'):
        return _roi_adapter(student.roi_head)
    places = [place for place in PLACES if getattr(student, place, None) is not None]
    if len(places) != 1 or not _reads_maps(getattr(student, places[0])):
        return None
    return DenseHeads(places[0]) if is_dense(getattr(student, places[0])) else OpaqueHeads(places[0])


def _roi_adapter(roi_head: nn.Module) -> HeadAdapter | None:
    # A cascade refines its proposals from stage to stage: they are not the same for two heads.
    known = all(getattr(type(roi_head), name, None) is getattr(StandardRoIHead, name) for name in UNCHANGED)
    if not known or roi_head.with_shared_head or not _is_plain(getattr(roi_head, 'bbox_head', None)):
        return None
    return RoIHeads('roi_head.bbox_head', roi_head.bbox_roi_extractor.num_inputs)


def _is_plain(head: nn.Module | None) -> bool:
    # A loss of its own takes the predictions for something else than classes and deltas.
    return getattr(type(head), 'loss', None) is BBoxHead.loss and not head.custom_cls_channels


def _reads_maps(head: nn.Module) -> bool:
    loss = getattr(head, 'loss', None)
    return loss is not None and list(inspect.signature(loss).parameters)[:2] == ['x', 'batch_data_samples']
