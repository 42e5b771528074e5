"""Students of dynamic depth, for tests."""

from tests.students import STUDENTS


def dynamic(config, norm='private', **subnets):
    """The config of a student whose backbone has sub-nets, by default one with a block per stage."""
    backbone = config.backbone
    base = dict(base='mmpretrain.ResNet_CIFAR') if backbone.type == 'ResNet_CIFAR' else {}
    backbone.update(type='mmkd.DynamicDepthResNet', subnets=subnets or dict(r10=(1, 1, 1, 1)), norm=norm, **base)
    return config


def dynamic_student(task, norm='private', **subnets):
    """The config of the tiny student of a task, of dynamic depth."""
    return dynamic(STUDENTS[task](), norm, **subnets)
