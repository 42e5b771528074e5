"""What the tests of the backbones for small images share."""

import torch
from mmengine.config import ConfigDict
from torch import nn

from mmkd.taps import Taps
from mmkd.tasks import task_of
from tests.students import build


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def with_classifier(backbone, channels, num_classes=100):
    """Parameters of a backbone and a linear classifier on its last map."""
    return parameters(backbone) + (channels + 1) * num_classes


def with_random_norms(model):
    """The model in float64 and eval mode, with batch norms that do something and leave something negative."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model.double().eval()


def stages_and_preactivations(backbone, channels):
    """Maps of the stages and the maps before their last activation, as methods read them in a classifier."""
    config = ConfigDict(
        type='ImageClassifier', backbone=backbone, neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=5, in_channels=channels, loss=dict(type='CrossEntropyLoss')))
    model = with_random_norms(build(config, 'mmpretrain')).float()
    task = task_of(model)
    with torch.no_grad(), Taps(model, [*task.taps('backbone'), *task.taps('preactivation')]) as record:
        task.predict(model, torch.randn(2, 3, 32, 32))
    return task.features(record, 'backbone'), task.features(record, 'preactivation')


def check_preactivations(backbone, channels, stages):
    """The rectified maps before the activation are the stages."""
    after, before = stages_and_preactivations(backbone, channels)
    assert len(before) == len(after) == stages
    for raw, active in zip(before, after, strict=True):
        assert raw.min() < 0
        torch.testing.assert_close(raw.relu(), active, rtol=0, atol=0)


def check_every_parameter_is_trained(model):
    model(torch.randn(2, 3, 16, 16))[-1].square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
