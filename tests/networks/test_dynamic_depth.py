"""Networks that also run as shallower ones."""

import copy
import inspect
import pickle

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope

from mmkd.networks import CIFARVGG, CIFARResNet, DynamicDepthResNet, DynamicDepthVGG
from tests import reference

SMALL = dict(base_channels=8, stem_channels=8, out_indices=(0, 1, 2, 3))
FAMILIES = dict(
    basic=lambda **more: DynamicDepthResNet(
        depth=34, subnets=dict(r18=(2, 2, 2, 2), r12=(1, 2, 1, 1)), **SMALL, **more
    ),
    bottleneck=lambda **more: DynamicDepthResNet(
        depth=50, subnets=dict(r26=(2, 2, 2, 2)), base='mmseg.ResNetV1c', **SMALL, **more
    ),
    detection=lambda **more: DynamicDepthResNet(
        depth=50, subnets=dict(r26=(2, 2, 2, 2)), base='mmdet.ResNet', **SMALL, **more
    ),
    small_images=lambda **more: DynamicDepthResNet(
        depth=32, base_width=4, subnets=dict(r20=(3, 3, 3), uneven=(1, 3, 2)), **more
    ),
    vgg=lambda **more: DynamicDepthVGG(depth=13, subnets=dict(vgg8=(1, 1, 1, 1, 1), uneven=(2, 1, 1, 2, 1)), **more),
)
SIZES = dict(small_images=32, vgg=32)


def trained(family, **more):
    """A network of a family whose nets have all seen two batches, in eval mode, and images."""
    torch.manual_seed(0)
    net = FAMILIES[family](**more)
    net.init_weights()
    images = torch.randn(2, 3, SIZES.get(family, 64), SIZES.get(family, 64))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for name in ['full', *net.subnets]:
            net.set_subnet(name)
            net(images)
            net(2 * images + 1)
    return net.eval(), images


@pytest.mark.parametrize('norm', ['private', 'shared'])
@pytest.mark.parametrize('family', list(FAMILIES))
def test_the_static_net_computes_the_same_bit_for_bit(family, norm):
    net, images = trained(family, norm=norm)
    for name in ['full', *net.subnets]:
        net.set_subnet(name)
        static = net.to_static(name)
        assert not hasattr(static, 'subnets') and not static.training
        maps = static(images)
        assert all(torch.equal(own, other) for own, other in zip(net(images), maps, strict=True))
        assert maps[-1].std() > 0
        # its weights are its own
        before = static.state_dict()[next(iter(static.state_dict()))].clone()
        with torch.no_grad():
            next(net.parameters()).add_(1)
        assert torch.equal(static.state_dict()[next(iter(static.state_dict()))], before)


@pytest.mark.parametrize('family', list(FAMILIES))
def test_keys_and_weights_of_the_full_net_are_those_of_the_plain_network(family):
    net, images = trained(family)
    plain = MODELS.build(net.plain_config())
    own = [key for key in net.state_dict() if not key.startswith('private_norms.')]
    assert own == list(plain.state_dict())
    assert plain.load_state_dict(net.plain_state(), strict=True).missing_keys == []
    plain.eval()
    net.set_subnet('full')
    assert all(torch.equal(*maps) for maps in zip(net(images), plain(images), strict=True))


@pytest.mark.parametrize('norm', ['private', 'shared'])
@pytest.mark.parametrize('family', list(FAMILIES))
def test_a_plain_checkpoint_loads_strictly_and_is_copied_into_the_norms_of_all_nets(family, norm):
    net, _ = trained(family)
    checkpoint = net.plain_state()
    fresh = FAMILIES[family](norm=norm)
    fresh.load_state_dict(checkpoint, strict=True)
    for name in fresh.subnets:
        state = fresh.plain_state(name)
        assert all(torch.equal(value, checkpoint[key]) for key, value in state.items())
    assert len(checkpoint) == len(net.plain_state()), 'the checkpoint was changed'


def test_a_published_checkpoint_named_in_the_config_is_copied_too(tmp_path):
    net, _ = trained('basic')
    torch.save(dict(state_dict=net.plain_state()), tmp_path / 'plain.pth')
    fresh = FAMILIES['basic'](init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'plain.pth')))
    fresh.init_weights()
    assert torch.equal(fresh.private_norms.r18.layer2_0_bn1.running_mean, net.layer2[0].bn1.running_mean)
    assert 'init_cfg' not in fresh.plain_config('r18') and 'init_cfg' in fresh.plain_config()


def test_a_checkpoint_with_norms_of_the_nets_keeps_them():
    net, images = trained('basic')
    fresh = FAMILIES['basic']()
    fresh.load_state_dict(net.state_dict(), strict=True)
    for name in ('full', 'r18', 'r12'):
        net.set_subnet(name)
        fresh.eval().set_subnet(name)
        assert all(torch.equal(*maps) for maps in zip(net(images), fresh(images), strict=True))


@pytest.mark.parametrize('norm', ['private', 'shared'])
def test_statistics_of_the_nets_never_mix(norm):
    net, images = trained('basic', norm=norm)
    net.train()
    for name in ('full', 'r18', 'r12'):
        before = {other: copy.deepcopy(net.plain_state(other)) for other in ('full', 'r18', 'r12')}
        net.set_subnet(name)
        net(3 * images)
        for other, state in before.items():
            same = [torch.equal(value, state[key]) for key, value in net.plain_state(other).items() if 'running' in key]
            assert not any(same) if other == name else all(same)


@pytest.mark.parametrize('norm', ['private', 'shared'])
def test_a_norm_of_a_net_is_trained_by_that_net_alone(norm):
    net, images = trained('basic', norm=norm)
    net.train().set_subnet('r18')
    net(images)[-1].square().mean().backward()
    private = dict(net.private_norms.r18.named_parameters())
    if norm == 'shared':
        assert private == {} and net.bn1.weight.grad is not None
        assert sum(parameter.numel() for parameter in net.parameters()) == sum(
            parameter.numel() for parameter in net.to_static().parameters()
        )
    else:
        assert all(parameter.grad is not None for parameter in private.values())
        assert net.bn1.weight.grad is None
        assert all(parameter.grad is None for parameter in net.private_norms.r12.parameters())
    assert net.layer2[1].conv1.weight.grad is not None and net.layer2[2].conv1.weight.grad is None


def test_nets_that_start_together_agree_where_the_last_norm_of_a_block_starts_at_zero():
    torch.manual_seed(0)
    net = DynamicDepthResNet(depth=34, subnets=dict(r18=(2, 2, 2, 2)), **SMALL)
    net.init_weights()
    images = torch.randn(2, 3, 64, 64)
    full = net(images)[-1]
    net.set_subnet('r18')
    torch.testing.assert_close(net(images)[-1], full)


def test_a_context_brings_the_net_back_that_was_chosen_before():
    net, images = trained('small_images')
    net.set_subnet('r20')
    r20 = net(images)[-1]
    with pytest.raises(RuntimeError), net.as_subnet('uneven'):
        assert not torch.equal(net(images)[-1], r20)
        net(images[:, :2])
    assert net.subnet == 'r20' and torch.equal(net(images)[-1], r20)
    assert list(net.state_dict()) == list(trained('small_images')[0].state_dict())


def test_copies_and_pickles_are_independent():
    net, images = trained('basic')
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        twin.set_subnet('r12')
        net.set_subnet('r12')
        assert all(torch.equal(*maps) for maps in zip(net(images), twin(images), strict=True))
        with torch.no_grad():
            twin.private_norms.r12.bn1.bias.add_(1)
        assert not torch.equal(net(images)[-1], twin(images)[-1])


@pytest.mark.parametrize('family, recorded', [(CIFARResNet, 'cifar_resnet'), (CIFARVGG, 'vgg')])
def test_the_recorded_blocks_per_stage(family, recorded):
    blocks = reference.load('ekd')['method']['blocks_per_stage'][recorded]
    assert {int(depth): tuple(own) for depth, own in blocks.items()}.items() <= {
        depth: own for depth, (_, own) in family.arch_settings.items()
    }.items()


@pytest.mark.parametrize(
    'depth, subnets, name, found',
    [
        (34, dict(r18=(2, 2, 2, 2)), 'r18', dict(type='mmpretrain.ResNet', depth=18)),
        (101, dict(r50=(3, 4, 6, 3)), 'r50', dict(type='mmpretrain.ResNet', depth=50)),
        (50, dict(r26=(2, 2, 2, 2)), 'r26', dict(type='mmkd.DynamicDepthResNet', depth=50, blocks=(2, 2, 2, 2))),
        (56, dict(r44=(7, 7, 7)), 'r44', dict(type='mmkd.CIFARResNet', depth=44)),
    ],
)
def test_a_static_net_has_the_class_and_depth_that_its_blocks_have_a_name_for(depth, subnets, name, found):
    init_default_scope('mmpretrain')
    small = {} if depth == 56 else dict(base_channels=4, stem_channels=4)
    net = DynamicDepthResNet(depth=depth, subnets=subnets, **small)
    assert found.items() <= net.plain_config(name).items()
    assert sum(value.numel() for value in net.to_static(name).parameters()) == sum(
        value.numel() for key, value in net.plain_state(name).items() if 'running' not in key and 'num_b' not in key
    )


@pytest.mark.parametrize('scope', ['mmpretrain', 'mmseg', 'mmdet'])
def test_the_plain_class_is_that_of_the_toolbox_at_hand(scope):
    init_default_scope(scope)
    net = MODELS.build(dict(type='mmkd.DynamicDepthResNet', depth=34, subnets=dict(r18=(2, 2, 2, 2)), **SMALL))
    assert inspect.getmodule(type(net.to_static())).__name__.startswith(scope)
    assert net.plain_config()['type'] == f'{scope}.ResNet'


@pytest.mark.parametrize(
    'arguments, sentence',
    [
        (dict(depth=33), 'depth is 33, but it must be one of 18, 34, 50, 101, 152, or 6 n'),
        (dict(depth=34, subnets=dict(r18=(2, 2, 2))), r"'r18' has \(2, 2, 2\) blocks per stage, but a net inside of"),
        (dict(depth=34, subnets=dict(r=(2, 2, 7, 2))), r'inside of one with \(3, 4, 6, 3\)'),
        (dict(depth=34, subnets=dict(r=(2, 0, 2, 2))), 'at least one block'),
        (dict(depth=34, subnets={'a.b': (2, 2, 2, 2)}), "has the name 'a.b'"),
        (dict(depth=34, subnets=dict(full=(2, 2, 2, 2))), "other than 'full'"),
        (dict(depth=34, subnets=dict(r18=(2, 2, 2, 2)), norm='own'), "it must be 'private' or 'shared'"),
        (dict(depth=34, subnets=dict(r18=(2, 2, 2, 2)), norm_eval=True), 'were never trained: set norm_eval=False'),
        (dict(depth=34, subnets=dict(r18=(2, 2, 2, 2)), with_cp=True), 'with_cp=True computes blocks again'),
        (dict(depth=34, blocks=(4, 4, 4, 4)), r'\(4, 4, 4, 4\) blocks per stage'),
        (dict(depth=16, base='mmpretrain.VGG', subnets=dict(a=(1,))), 'has no stages in res_layers'),
    ],
)
def test_what_is_not_legal_is_said_in_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        DynamicDepthResNet(**arguments)
    assert '\n' not in str(caught.value)


def test_unknown_nets_and_classes():
    net, _ = trained('vgg')
    for ask in (net.set_subnet, net.to_static, net.plain_config, net.plain_state):
        with pytest.raises(KeyError, match=r"The net 'r1' was asked for, but the backbone has \['full', 'vgg8'"):
            ask('r1')
    with pytest.raises(KeyError, match=r"There is no backbone 'mmseg\.Nothing'"):
        DynamicDepthResNet(depth=34, base='mmseg.Nothing', subnets=dict(a=(1, 1, 1, 1)))
