import pytest
from mmdet.models.dense_heads import (
    DETRHead,
    GARetinaHead,
    NASFCOSHead,
    RetinaSepBNHead,
    RTMDetSepBNHead,
    TOODHead,
    VFNetHead,
    YOLOXHead,
)
from mmdet.models.roi_heads import SABLHead
from torch import nn

from mmkd.tasks.detection_heads import adapter_of
from mmkd.tasks.detection_heads.dense import DenseHeads
from mmkd.tasks.detection_heads.opaque import OpaqueHeads
from mmkd.tasks.detection_heads.roi import RoIHeads
from tests.detectors import DENSE, build, plain, tiny_detector


@pytest.mark.parametrize('name', DENSE)
def test_dense_heads_are_known(name):
    adapter = adapter_of(plain(name))
    assert isinstance(adapter, DenseHeads)
    assert adapter.taps == ['bbox_head.loss_by_feat:input', 'bbox_head.get_targets']
    assert adapter.has_known_logits


@pytest.mark.parametrize('kind, expected', [
    (NASFCOSHead, DenseHeads),
    (RetinaSepBNHead, DenseHeads),
    (RTMDetSepBNHead, DenseHeads),
    (VFNetHead, OpaqueHeads),
    (TOODHead, OpaqueHeads),
    (GARetinaHead, OpaqueHeads),
    (YOLOXHead, OpaqueHeads),
    (DETRHead, type(None)),
])
def test_a_head_is_known_by_the_loss_it_inherits(kind, expected):
    model = nn.Module()
    model.bbox_head = kind.__new__(kind)
    nn.Module.__init__(model.bbox_head)
    assert type(adapter_of(model)) is expected


@pytest.mark.parametrize('name', ['faster_rcnn', 'mask_rcnn'])
def test_two_stage_heads_are_known(name):
    adapter = adapter_of(plain(name))
    assert isinstance(adapter, RoIHeads)
    assert (adapter.path, adapter.neck_tap) == ('roi_head.bbox_head', 'neck[:4]')


def test_an_unknown_head_is_opaque():
    adapter = adapter_of(plain('solo'))
    assert isinstance(adapter, OpaqueHeads)
    assert (adapter.path, adapter.taps, adapter.has_known_logits) == ('mask_head', [], False)


def two_stage(**roi_head):
    config = tiny_detector('faster_rcnn')
    config.roi_head.update(roi_head)
    return build(config, 'mmdet')


def test_two_stage_heads_that_cannot_be_run_twice_on_the_same_proposals_are_not_known():
    assert adapter_of(plain('cascade')) is None
    extractor = tiny_detector('faster_rcnn').roi_head.bbox_roi_extractor
    double = dict(
        type='DoubleHeadRoIHead',
        reg_roi_scale_factor=1.3,
        bbox_head=dict(
            type='DoubleConvFCBBoxHead',
            num_convs=1,
            num_fcs=1,
            in_channels=16,
            conv_out_channels=32,
            fc_out_channels=16,
            num_classes=3,
        ),
        bbox_roi_extractor=extractor,
    )
    assert adapter_of(two_stage(**double)) is None
    seesaw = tiny_detector('faster_rcnn').roi_head.bbox_head
    seesaw.loss_cls = dict(type='SeesawLoss', num_classes=3)
    assert adapter_of(two_stage(bbox_head=seesaw)) is None
    buckets = two_stage()
    buckets.roi_head.bbox_head = SABLHead(num_classes=3)
    assert adapter_of(buckets) is None
    behind_others = plain('faster_rcnn')
    behind_others.roi_head.shared_head = nn.Identity()
    assert adapter_of(behind_others) is None


def test_two_heads_that_share_the_work_are_not_known():
    model = plain('solo')
    model.bbox_head = plain('fcos').bbox_head
    assert adapter_of(model) is None
    assert adapter_of(nn.Module()) is None
