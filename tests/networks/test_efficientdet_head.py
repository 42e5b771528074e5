"""The segmentation head of FRSKD's EfficientDet."""
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmseg.models', reason='mmsegmentation is not installed', exc_type=ImportError)

from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS as SEGMENTORS
from mmseg.structures import SegDataSample

from mmkd.networks.efficientdet_head import EfficientDetHead


@pytest.mark.parametrize('channels, expected', [(64, 196629), (88, 251925), (112, 307221)])
def test_published_parameters(channels, expected):
    head = EfficientDetHead(in_channels=channels, num_classes=21)
    assert sum(parameter.numel() for parameter in head.parameters()) == expected


def test_reads_the_finest_level_and_keeps_its_size():
    head = EfficientDetHead(in_channels=4, num_classes=3, channels=8).eval()
    fine, coarse = torch.randn(2, 4, 6, 8), torch.randn(2, 4, 3, 4)
    logits = head([fine, coarse])
    assert logits.shape == (2, 3, 6, 8)
    torch.testing.assert_close(head([fine, coarse + 1]), logits)
    torch.testing.assert_close(head.conv_seg(head.conv(fine)), logits)
    assert (head.conv[1].eps, head.conv[1].momentum) == (1e-4, 0.997)


def test_paper_network_trains_as_a_segmentor():
    pytest.importorskip('mmpretrain.models', reason='mmpretrain is not installed', exc_type=ImportError)
    init_default_scope('mmseg')
    model = SEGMENTORS.build(dict(
        type='EncoderDecoder', data_preprocessor=dict(type='SegDataPreProcessor'),
        backbone=dict(type='mmkd.EfficientNetStages'),
        neck=dict(type='mmkd.SegmentationPyramid', in_channels=[24, 40, 80, 320], out_channels=64),
        decode_head=dict(type='mmkd.EfficientDetHead', in_channels=64, num_classes=5),
        test_cfg=dict(mode='whole')))
    model.init_weights()
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(5, (1, 64, 64))))
    losses = model.loss(torch.randn(2, 3, 64, 64), [sample, sample.clone()])
    losses['decode.loss_ce'].backward()
    assert model.backbone.layers[0].conv.weight.grad.abs().sum() > 0
    assert model.neck.laterals[0][0].weight.grad.abs().sum() > 0


def test_import_of_networks_imports_no_toolbox():
    code = ('import sys, mmkd.networks, mmkd.losses\n'
            'print([name for name in ("mmseg", "mmdet", "mmpretrain", "mmcv") if name in sys.modules])')
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=root)
    assert result.stdout.strip() == '[]'
