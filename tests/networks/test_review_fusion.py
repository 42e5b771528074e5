"""The fusion of ReviewKD against a plain computation."""

import pytest
import torch
import torch.nn.functional as F

from mmkd.networks.connector import Connectors
from mmkd.networks.review_fusion import AttentionBasedFusion, ReviewFusion

STUDENT, TEACHER = [(3, 8, 8), (4, 4, 4), (6, 2, 2)], [(5, 8, 8), (7, 4, 4), (8, 2, 2)]


def review(student=STUDENT, teacher=TEACHER):
    torch.manual_seed(0)
    part = ReviewFusion(Connectors(student, teacher, False, 'Test'))
    for module in part.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return part


def maps(shapes, batch=2):
    return [torch.randn(batch, *shape) for shape in shapes]


def normalized(feat, layers):
    convolution, norm = layers
    feat = F.conv2d(feat, convolution.weight, padding=convolution.weight.shape[-1] // 2)
    statistics = [value.view(1, -1, 1, 1) for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias)]
    return (feat - statistics[0]) / (statistics[1] + norm.eps).sqrt() * statistics[2] + statistics[3]


def test_levels_are_fused_from_the_deepest_to_the_shallowest():
    part, own, other = review().eval(), maps(STUDENT), maps(TEACHER)
    shallow, middle, deep = part.fusions
    fused = normalized(own[2], deep.reduce)
    outputs = [normalized(fused, deep.expand)]
    for fusion, level in ((middle, own[1]), (shallow, own[0])):
        upper = fused.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        lower = normalized(level, fusion.reduce)
        weight, bias = fusion.attention.weight[:, :, 0, 0], fusion.attention.bias
        logits = torch.einsum('nchw,kc->nkhw', torch.cat([lower, upper], dim=1), weight) + bias.view(1, 2, 1, 1)
        shares = 1 / (1 + (-logits).exp())
        fused = lower * shares[:, [0]] + upper * shares[:, [1]]
        outputs.insert(0, normalized(fused, fusion.expand))
    pairs = part(own, other)
    for (output, target), expected, level in zip(pairs, outputs, other, strict=True):
        torch.testing.assert_close(output, expected)
        assert target is level


def test_fused_maps_have_the_channels_of_the_students_deepest_level_512_at_most():
    assert [fusion.expand[0].in_channels for fusion in review().fusions] == [6, 6, 6]
    assert review([(600, 2, 2)], [(3, 2, 2)]).fusions[0].expand[0].in_channels == 512


def test_the_deepest_level_has_nothing_to_be_fused_with():
    assert [fusion.attention is None for fusion in review().fusions] == [False, False, True]
    assert review(STUDENT[:1], TEACHER[:1]).fusions[0].attention is None


def test_sizes_need_not_halve_and_the_smaller_one_is_taken():
    part = review([(3, 7, 9), (4, 7, 9)], [(5, 7, 9), (7, 3, 4)])
    pairs = part(maps([(3, 7, 9), (4, 7, 9)]), maps([(5, 7, 9), (7, 3, 4)]))
    assert [own.shape for own, _ in pairs] == [other.shape for _, other in pairs] == [(2, 5, 7, 9), (2, 7, 3, 4)]


def test_every_parameter_is_trained_also_by_one_image_with_one_position():
    shapes = [(3, 2, 2), (4, 1, 1)]
    part = review(shapes, [(5, 2, 2), (7, 1, 1)]).train()
    pairs = part(maps(shapes, 1), maps([(5, 2, 2), (7, 1, 1)], 1))
    sum(own.square().sum() for own, _ in pairs).backward()
    assert all(own.isfinite().all() for own, _ in pairs)
    assert all(parameter.grad.isfinite().all() for parameter in part.parameters())


@pytest.mark.parametrize('training', [False, True])
def test_what_stands_in_the_padding_is_not_seen(training):
    def valid(levels):
        masks = [torch.ones(level.shape[0], *level.shape[2:]).bool() for level in levels]
        for mask in masks:
            mask[1, mask.shape[1] // 2 :] = False
        return masks

    part, own, other = review().train(training), maps(STUDENT), maps(TEACHER)
    values = []
    for content in (0.0, 1e4):
        for level in own:
            level[1, :, level.shape[2] // 2 :] = content
        values.append([output for output, _ in part(own, other, valid)])
    assert all(torch.equal(*pair) for pair in zip(*values, strict=True))


def test_neighbours_of_the_padding_see_zeros():
    torch.manual_seed(0)
    fusion, level = AttentionBasedFusion(3, 4, 5, fuses=False).eval(), torch.randn(1, 3, 4, 6)
    mask = torch.ones(1, 4, 6).bool()
    mask[:, :, 3:] = False
    fusion.reduce[1].running_mean.fill_(1.0)
    torch.testing.assert_close(fusion(level, None, mask)[0][..., :3], fusion(level[..., :3], None)[0])
