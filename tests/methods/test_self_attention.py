import itertools

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub

from tests.detectors import batch
from tests.students import (
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    detection_batch,
    distilling,
    segmentation_batch,
    segmentor,
)

BATCHES = dict(segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch)
KEY = 'distill.sad.loss_attention'


def student(task='segmentation', **sad):
    return build(distilling(STUDENTS[task](), dict(sad=dict(type='mmkd.SelfAttention', **sad))), SCOPES[task])


def plain_value(features):
    """The term written down anew, per pair of stages."""
    total = 0.0
    for own, deeper in itertools.pairwise(features):
        energies = [level.square().mean(1, keepdim=True) for level in (own, deeper)]
        energies[1] = F.interpolate(energies[1], own.shape[-2:], mode='bilinear', align_corners=False)
        maps = [energy.flatten(1).softmax(1) for energy in energies]
        total = total + (maps[0] - maps[1]).square().sum(1).mean()
    return total


@pytest.mark.parametrize('task', list(STUDENTS))
def test_every_stage_learns_the_attention_of_the_next(task):
    model = student(task, attention_weight=3.0).eval()
    images, samples = BATCHES[task]()
    value = model.loss(images, samples)[KEY]
    features = []
    x = images
    with torch.no_grad():
        hooks = [getattr(model.backbone, name).register_forward_hook(lambda m, i, out: features.append(out))
                 for name in model.backbone.res_layers]
        model.backbone(x)
        for hook in hooks:
            hook.remove()
    torch.testing.assert_close(value, 3 * plain_value(features))


def test_no_gradient_reaches_the_teaching_stage():
    model = student('classification', stages=[0, 1])
    model.loss(*classification_batch())[KEY].backward()
    got = {name for name, value in model.named_parameters() if value.grad is not None and value.grad.ne(0).any()}
    assert any(name.startswith('backbone.layer1') for name in got)
    assert not [name for name in got if not name.startswith(('backbone.conv1', 'backbone.bn1', 'backbone.layer1'))]


@pytest.mark.parametrize('normalize', ['softmax', 'l2', 'zscore'])
def test_wide_channels_and_constant_maps_stay_finite(normalize):
    model = student(normalize=normalize)
    images, samples = segmentation_batch()
    value = model.loss(torch.zeros_like(images), samples)[KEY]
    value.backward()
    grads = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert value.isfinite() and all(grad.isfinite().all() for grad in grads)


def test_padding_has_no_attention():
    model = student('detection', source='neck').eval()
    images, samples = batch()
    value = model.loss(images, samples)[KEY]
    assert value.isfinite() and value > 0
    heard = {}
    method = model.distill.methods['sad']
    loss = method.loss.forward
    method.loss.forward = lambda own, other, masks: heard.update(masks=masks) or loss(own, other, masks)
    model.loss(images, samples)
    assert len(heard['masks']) == 4 and not heard['masks'][0].all()


def test_a_ramp_switches_it_on():
    model = student(attention_weight=dict(type='Ramp', begin=5, end=5, stop=0.1, by_epoch=False))
    assert KEY not in model.loss(*segmentation_batch())
    MessageHub.get_current_instance().update_info('iter', 5)
    assert KEY in model.loss(*segmentation_batch())


def test_it_adds_no_parameter():
    assert list(student().state_dict()) == list(build(segmentor()).state_dict())


@pytest.mark.parametrize('arguments, message', [
    (dict(source='head'), "source='head', but it must be one of"),
    (dict(stages=[1]), r'stages=\[1\], but a stage needs a next one'),
    (dict(stages=[0, 7]), r'stages=\[0, 7\], but the backbone of the student gives 4 maps: choose among 0 to 3'),
    (dict(normalize='l3'), "normalize is 'l3'"),
])
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        student(**arguments)
