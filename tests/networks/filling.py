"""Fill a self-teacher by the role of its layers, as the reference numbers ask for."""
import torch
from torch import nn

FUSION = {2: (1.0, 0.5), 3: (1.0, 0.5, 0.25)}


def fill_self_teacher(model):
    """Fill every parameter with a formula of its role; level and repetition make no difference."""
    for layer in model.layers:
        _fill(layer.first_laterals, 0.0)
        _fill(layer.second_laterals, 1.0)
        _fill(layer.up, 2.0)
        _fill(layer.down, 4.0)
        for nodes, phase in ((layer.top_down, 3.0), (layer.bottom_up, 5.0)):
            for node in nodes:
                node.fusion.weight.data.copy_(torch.tensor(FUSION[node.fusion.weight.numel()]))
                for index, conv in enumerate(node.convs):
                    _fill(conv, phase + 0.1 * index)
    if model.classifier is not None:
        _fill(model.classifier, 6.0)
        model.classifier.bias.data.copy_(0.01 * _index(model.classifier.bias).sin())


def fill_channel_scale(conv, phase):
    """Fill a 1x1 depthwise convolution and its batch norm with the formulas of one level."""
    depthwise, norm = conv[0], conv[1]
    index = _index(depthwise.bias)
    depthwise.weight.data.copy_((0.8 + 0.3 * (index + phase).sin()).view_as(depthwise.weight))
    depthwise.bias.data.copy_(0.1 * (index + phase).cos())
    norm.weight.data.copy_(1 + 0.1 * (index + phase).sin())
    norm.bias.data.copy_(0.1 * (index + phase).cos())


def features(channels, sizes, batch=2, dtype=torch.float64):
    """Return the inputs of the reference numbers, one rectified sine per level, as leaves."""
    shapes = [(batch, count, *size) for count, size in zip(channels, sizes, strict=True)]
    return [(0.37 * (level + 1) * _index(torch.empty(shape))).sin().relu().to(dtype).requires_grad_()
            for level, shape in enumerate(shapes)]


def stats(feat):
    """Return mean, largest magnitude, L2 norm, first, middle and last value of a map."""
    flat = feat.detach().double().flatten()
    return torch.stack([flat.mean(), flat.abs().max(), flat.norm(), flat[0], flat[flat.numel() // 2], flat[-1]])


def _fill(module, phase):
    for part in module.modules() if module is not None else ():
        if isinstance(part, nn.BatchNorm2d):
            part.weight.data.copy_(1 + 0.1 * (_index(part.weight) + phase).sin())
            part.bias.data.copy_(0.1 * (_index(part.bias) + phase).cos())
        elif isinstance(part, (nn.Conv2d, nn.Linear)):
            scale = (2 / part.weight[0].numel()) ** 0.5
            part.weight.data.copy_(scale * (1.3 * _index(part.weight) + 0.7 + phase).sin())


def _index(tensor):
    return torch.arange(tensor.numel(), dtype=torch.float64).view(tensor.shape)
