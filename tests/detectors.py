"""Tiny detectors of every kind, made from mmdet's own configs, and batches with padding for them."""

import copy
import functools

import numpy as np
import torch
from mmengine.config import ConfigDict

from mmkd.engine.config import load_config
from mmkd.step import Step
from mmkd.taps import Taps
from mmkd.tasks import task_of
from tests.students import build, distilling

DENSE = dict(
    retinanet='retinanet/retinanet_r50_fpn_1x_coco.py',
    fcos='fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py',
    atss='atss/atss_r50_fpn_1x_coco.py',
    gfl='gfl/gfl_r50_fpn_1x_coco.py',
    rtmdet='rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
)
ROI = dict(
    faster_rcnn='faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', mask_rcnn='mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'
)
OTHER = dict(solo='solo/solo_r50_fpn_1x_coco.py', cascade='cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py')
KNOWN = (*DENSE, 'softmax_retinanet', *ROI)
SMALL = dict(
    num_classes=3,
    in_channels=16,
    feat_channels=16,
    out_channels=16,
    conv_out_channels=16,
    fc_out_channels=16,
    stacked_convs=1,
    num_convs=1,
    num=32,
)
FRSKD = dict(type='mmkd.FRSKD', source='neck', temperature=1.0, box_weight=1.0, reduction='sum')


def tiny_detector(name):
    """Config of a detector of three classes whose neck and heads are 16 channels wide."""
    if name == 'softmax_retinanet':
        config = tiny_detector('retinanet')
        config.bbox_head.loss_cls = dict(type='CrossEntropyLoss', use_sigmoid=False)
        return config
    return copy.deepcopy(_shrunk(name))


@functools.cache
def _shrunk(name):
    config = load_config('mmdet::' + {**DENSE, **ROI, **OTHER}[name]).model
    config = ConfigDict(_small(config.to_dict()))
    config.data_preprocessor = dict(type='DetDataPreprocessor', pad_size_divisor=32, pad_mask=True)
    if name == 'rtmdet':
        config.backbone.update(widen_factor=0.125, norm_cfg=dict(type='BN'), init_cfg=None)
        config.neck.update(in_channels=[32, 64, 128], norm_cfg=dict(type='BN'))
        config.bbox_head.norm_cfg = dict(type='BN')
    else:
        config.backbone = dict(type='ResNet', depth=18, base_channels=8, norm_cfg=dict(type='BN'))
        config.neck.in_channels = [8, 16, 32, 64]
    if name in ('fcos', 'atss', 'gfl'):
        config.bbox_head.norm_cfg = dict(type='GN', num_groups=4)
    if name == 'solo':
        config.mask_head.update(num_grids=[8, 6, 4, 3, 2], norm_cfg=dict(type='GN', num_groups=4))
    return config


def _small(config):
    if isinstance(config, dict):
        return {
            key: SMALL[key] if key in SMALL and isinstance(value, int) else _small(value)
            for key, value in config.items()
        }
    return [_small(value) for value in config] if isinstance(config, list) else config


def plain(name):
    """A detector."""
    return build(tiny_detector(name), 'mmdet')


def student(name, **frskd):
    """A detector that distils."""
    return build(distilling(tiny_detector(name), dict(frskd=dict(FRSKD, **frskd))), 'mmdet')


def batch(sizes=((96, 128), (64, 100)), counts=(3, 2), size=(96, 128), masks=False):
    """Images padded to one size and data samples with ``counts`` boxes in each of them."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    generator = torch.Generator().manual_seed(3)
    images, samples = torch.zeros(len(sizes), 3, *size), []
    for image, (height, width), count in zip(images, sizes, counts, strict=True):
        image[:, :height, :width] = torch.randn(3, height, width, generator=generator)
        corner, extent = torch.rand(2, count, 2, generator=generator)
        boxes = torch.cat([20 * corner, 20 * corner + 20 + 20 * extent], dim=1)
        sample = DetDataSample(
            metainfo=dict(
                img_shape=(height, width),
                ori_shape=(height, width),
                pad_shape=size,
                batch_input_shape=size,
                scale_factor=(1.0, 1.0),
            )
        )
        labels = torch.randint(0, 3, (count,), generator=generator)
        sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        if masks:
            sample.gt_instances.masks = _masks(boxes, size)
        sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
        samples.append(sample)
    return images, samples


def _masks(boxes, size):
    from mmdet.structures.mask import BitmapMasks

    masks = np.zeros((len(boxes), *size), dtype=np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.int().tolist(), strict=True):
        mask[top:bottom, left:right] = 1
    return BitmapMasks(masks, *size)


def batch_of(name, **arguments):
    """A batch with what a detector of this name is trained by."""
    return batch(masks=name in ('mask_rcnn', 'solo'), **arguments)


def taken(model, data):
    """The losses of a plain detector, and the step as a method sees it."""
    task = task_of(model)
    places = [*task.taps('neck'), *task.head_taps(), *task.taps('logits')] if 'logits' in task.places else ['neck']
    torch.manual_seed(0)
    with Taps(model, places) as record:
        losses = model.loss(*data)
    return losses, Step(model, task, record, data[1], data[0])


def total(losses):
    """What mmengine adds up."""
    values = [value for key, value in losses.items() if 'loss' in key]
    return sum(part.mean() for value in values for part in (value if isinstance(value, list) else [value]))
