import pytest
import torch
from torch import nn

from mmkd.tasks.preactivation import preactivation_taps
from tests.students import build, classification_batch, classifier, segmentation_batch, segmentor
from tests.tasks.hear import hear


@pytest.mark.parametrize('config, scope, batch', [
    (classifier(), 'mmpretrain', classification_batch), (segmentor(), 'mmseg', segmentation_batch)])
def test_maps_before_the_activation_become_the_stages_by_it(config, scope, batch):
    model = build(config, scope)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            # The last one of a block starts at 0, which leaves nothing negative.
            nn.init.normal_(module.weight)
    task, record = hear(model, batch(), ['backbone', 'preactivation'])
    before, after = task.features(record, 'preactivation'), task.features(record, 'backbone')
    assert len(before) == len(after) == 4
    for raw, active in zip(before, after, strict=True):
        assert raw.min() < 0
        torch.testing.assert_close(raw.relu(), active, rtol=0, atol=0)


def test_only_the_stages_that_the_backbone_returns():
    config = segmentor()
    config.backbone.out_indices = (1, 3)
    taps = preactivation_taps(build(config).backbone, (1, 3))
    assert taps == dict(preactivation=['backbone.layer2.1.relu:input[0]', 'backbone.layer4.1.relu:input[0]'])


def test_backbones_without_such_a_place_have_none():
    assert preactivation_taps(nn.Linear(2, 2)) == {}
    backbone = nn.Module()
    backbone.res_layers = ['layer1']
    backbone.layer1 = nn.Sequential(nn.Conv2d(3, 3, 1))
    assert preactivation_taps(backbone) == {}
