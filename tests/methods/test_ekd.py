"""EKD: the nets of one network learn from the full one."""

import copy
import functools

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from mmkd.step import Step
from mmkd.subnets import as_net
from mmkd.taps import Taps
from tests import reference
from tests.detectors import tiny_detector
from tests.methods.every_method import batch_of
from tests.students import SCOPES, STUDENTS, build, classification_batch, classifier, distilling
from tests.subnets import dynamic

TWO = dict(r10=(1, 1, 1, 1), r14=(2, 1, 2, 1))
MODELS = dict(STUDENTS, two_stages=lambda: tiny_detector('faster_rcnn'))
KINDS = list(MODELS)


def student(kind, norm='private', subnets=None, **arguments):
    """A student of dynamic depth with EKD whose nets differ, and whose norms have seen a batch."""
    ekd = dict(type='mmkd.EKD', **arguments)
    model = dynamic(MODELS[kind](), norm, **(subnets or TWO))
    model = build(distilling(model, dict(ekd=ekd)), SCOPES.get(kind, 'mmdet'))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if 'backbone' in name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.train()


def step(model, kind):
    """The losses of a step, which leaves gradients behind."""
    torch.manual_seed(0)
    model.zero_grad()
    losses = model.loss(*batch_of(kind))
    model.parse_losses(losses)[0].backward()
    return losses


def gradients(model):
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize('kind', KINDS)
def test_every_net_has_its_terms_and_every_parameter_a_gradient(kind):
    model = student(kind)
    losses = step(model, kind)
    terms = {f'distill.ekd.{name}.loss_{term}' for name in TWO for term in ('task', 'logit', 'attention')}
    assert {key for key in losses if key.startswith('distill.')} == terms
    assert all(losses[term] > 0 for term in terms)
    assert [name for name, gradient in gradients(model).items() if gradient is None] == []


@pytest.mark.parametrize('kind', KINDS)
def test_lean_and_joint_modes_have_equal_losses_and_gradients(kind):
    joint, lean = student(kind), student(kind, lean=True)
    losses, others = step(joint, kind), step(lean, kind)
    carrier = others.pop('distill.loss_collected')
    assert carrier == 0 and carrier.requires_grad
    assert losses.keys() == others.keys()
    for key in losses:
        torch.testing.assert_close(others[key], losses[key], msg=key)
        assert 'loss' not in key or not getattr(others[key], 'requires_grad', False)
    own, other = gradients(joint), gradients(lean)
    for name in own:
        torch.testing.assert_close(other[name], own[name], rtol=1e-4, atol=1e-6, msg=name)


def saved_bytes(model, kind):
    """The most bytes that the graph of a step keeps at a time."""
    alive, most = {}, [0]

    class Held:
        def __init__(self, tensor):
            self.tensor = tensor
            key = tensor.untyped_storage().data_ptr()
            alive[id(self)] = (key, tensor.untyped_storage().nbytes())
            most[0] = max(most[0], sum(dict(alive.values()).values()))

        def __del__(self):
            alive.pop(id(self), None)

    with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
        step(model, kind)
    return most[0]


def test_the_lean_mode_keeps_the_activations_of_one_net_at_a_time():
    three = dict(r10=(1, 1, 1, 1), r14=(2, 1, 2, 1), r16=(2, 2, 2, 1))
    joint, lean = (saved_bytes(student('segmentation', subnets=three, lean=lean), 'segmentation') for lean in (0, 1))
    plain = saved_bytes(build(STUDENTS['segmentation']()).train(), 'segmentation')
    assert joint > 1.5 * plain and lean < 1.1 * plain, (joint, lean, plain)


def test_gradients_of_the_lean_mode_follow_loss_scale_and_accumulation():
    joint, lean = student('classification'), student('classification', lean=True)
    for model in (joint, lean):
        for scale in (0.5, 0.25):
            torch.manual_seed(0)
            (scale * model.parse_losses(model.loss(*classification_batch()))[0]).backward()
    own, other = gradients(joint), gradients(lean)
    for name in own:
        torch.testing.assert_close(other[name], own[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize('kind', KINDS)
def test_the_full_net_is_that_of_a_step_without_sub_nets(kind):
    model = student(kind)
    config = MODELS[kind]()
    if 'det' in SCOPES.get(kind, 'mmdet'):
        config.backbone.norm_eval = False
    plain = build(config, SCOPES.get(kind, 'mmdet')).train()
    plain.load_state_dict({key: value for key, value in model.state_dict().items() if key in plain.state_dict()})
    torch.manual_seed(0)
    alone = plain.loss(*batch_of(kind))
    losses = step(model, kind)
    for key, value in alone.items():
        torch.testing.assert_close(losses[key], value, rtol=0, atol=0)
    # its norms saw its own batch alone
    for key, value in plain.state_dict().items():
        if 'running' in key:
            assert torch.equal(model.state_dict()[key], value), key


@pytest.mark.parametrize('kind', ['segmentation', 'classification'])
def test_norms_of_neck_and_head_belong_to_one_net(kind):
    model = student(kind)
    before = copy.deepcopy(model.state_dict())
    with as_net(model, 'r10'):
        model.plain_loss(*batch_of(kind))
    after = model.state_dict()
    changed = {key for key in after if 'running' in key and not torch.equal(before[key], after[key])}
    assert changed and all('.r10.' in key for key in changed)
    if kind == 'segmentation':
        assert any(key.startswith('distill.methods.ekd.norms.r10.decode_head') for key in changed)


@pytest.mark.parametrize('detach', [True, False])
def test_the_full_net_is_left_alone_unless_asked(detach):
    model = student('segmentation', subnet_weight=0.0, detach_teacher=detach)
    losses = model.loss(*batch_of('segmentation'))
    sum(value for key, value in losses.items() if key.startswith('distill.')).backward()
    # the last block of a stage is the full net's alone in r10
    gradient = model.backbone.layer4[1].conv1.weight.grad
    assert (gradient is None) == detach
    assert model.backbone.layer4[0].conv1.weight.grad.abs().sum() > 0


def test_the_recorded_total():
    recorded = reference.load('ekd')['method']['total']
    given = {key: torch.tensor(value, dtype=torch.float64) for key, value in recorded['inputs'].items()}
    model = student('classification', subnets=dict(sub1=(1, 1, 1, 1), sub2=(2, 1, 1, 1)))
    ekd = model.distill.methods.ekd
    labels = given['labels'].long()

    def side(name):
        made = Step(model, model.distill.task, Taps(model, []), [], None)
        made.logits, made.features = (lambda: given[f'logits_{name}']), (lambda source: (given[f'feat_{name}'],))
        return made, nn.functional.cross_entropy(given[f'logits_{name}'], labels)

    ekd._run = lambda name, full: side(name)
    full, own = side('full')
    terms = ekd.losses(full)
    for index, name in enumerate(('sub1', 'sub2')):
        assert terms[f'{name}.loss_task'].item() == pytest.approx(recorded['ce_sub'][index], rel=1e-6)
        assert terms[f'{name}.loss_logit'].item() == pytest.approx(0.6 * recorded['kl'][index], rel=1e-4)
        assert terms[f'{name}.loss_attention'].item() == pytest.approx(recorded['self_attention'][index], rel=1e-4)
    assert (own + sum(terms.values())).item() == pytest.approx(recorded['total'], rel=1e-6)


def moment(iteration):
    MessageHub.get_current_instance().update_info_dict(dict(iter=iteration, max_iters=100))


@pytest.mark.parametrize('sample, number', [('all', 3), ('random:1', 1), ('random:2', 2), ('sandwich:1', 2)])
def test_sampled_nets_are_trained_and_the_others_get_zero_gradients(sample, number):
    subnets = dict(r16=(2, 2, 2, 1), r10=(1, 1, 1, 1), r14=(2, 1, 2, 1))
    model = student('classification', subnets=subnets, sample=sample)
    drawn = []
    for iteration in range(8):
        moment(iteration)
        losses = step(model, 'classification')
        names = [name for name in subnets if f'distill.ekd.{name}.loss_task' in losses]
        drawn.append(tuple(names))
        assert len(names) == number and (not sample.startswith('sandwich') or 'r10' in names)
        for name in subnets:
            norms = [value.grad for value in model.backbone.private_norms[name].parameters()]
            assert all(gradient is not None for gradient in norms)
            assert any(gradient.any() for gradient in norms) == (name in names)
    assert len(set(drawn)) == (1 if sample == 'all' else 3 if sample.startswith('random') else 2)
    moment(3)
    again = step(model, 'classification')
    assert [name for name in subnets if f'distill.ekd.{name}.loss_task' in again] == list(drawn[3])


def test_the_weight_of_sub_nets_can_be_shared_out():
    whole, shared = student('classification'), student('classification', subnet_weight='mean')
    losses, others = step(whole, 'classification'), step(shared, 'classification')
    for name in TWO:
        key = f'distill.ekd.{name}.loss_task'
        torch.testing.assert_close(others[key], losses[key] / 2)


@pytest.mark.parametrize('normalize', ['zscore', 'l2', 'softmax'])
@pytest.mark.parametrize('size, constant, batch', [(16, False, 1), (32, True, 2), (4, False, 2)])
def test_single_positions_constant_maps_and_a_batch_of_one(normalize, size, constant, batch):
    model = student('classification', normalize=normalize)
    # a batch of one position has no batch statistics
    model.eval()
    images = torch.ones(batch, 3, size, size) if constant else torch.randn(batch, 3, size, size)
    losses = model.loss(images, classification_batch()[1][:batch])
    model.parse_losses(losses)[0].backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients(model).values())


def test_a_schedule_that_is_off_at_first_leaves_zero_gradients():
    model = student('classification', weight=dict(type='Ramp', begin=5, end=6, by_epoch=False))
    moment(0)
    losses = step(model, 'classification')
    assert [key for key in losses if key.startswith('distill.')] == ['distill.loss_idle']
    assert [name for name, gradient in gradients(model).items() if gradient is None] == []


def test_a_plain_checkpoint_starts_the_norms_of_all_nets():
    plain = build(STUDENTS['segmentation']()).train()
    plain.loss(*batch_of('segmentation'))
    fresh = student('segmentation')
    fresh.load_state_dict(plain.state_dict(), strict=True)
    norms = fresh.distill.methods.ekd.norms
    assert norms.equal(fresh) and fresh.backbone.private_norms.equal(fresh.backbone)
    assert plain.decode_head.scale_heads[0][0].bn.running_mean.any()


def frozen(**changes):
    """A student whose batch norms keep their running statistics."""
    config = dynamic(STUDENTS['segmentation'](), **TWO)
    config.backbone.update(norm_eval=True, **changes)
    return distilling(config, dict(ekd=dict(type='mmkd.EKD')))


def test_frozen_norms_of_untrained_sub_nets_are_refused(tmp_path):
    with pytest.raises(ValueError, match='were never trained: set norm_eval=False'):
        build(frozen())
    trained = student('segmentation')
    torch.save(dict(state_dict=trained.backbone.plain_state()), tmp_path / 'a.pth')
    model = build(frozen(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth')))).train()
    with pytest.raises(ValueError, match='still copies of those of the full net'):
        model.loss(*batch_of('segmentation'))
    step(trained, 'segmentation')
    torch.save(dict(state_dict=trained.backbone.state_dict()), tmp_path / 'b.pth')
    model = build(frozen(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'b.pth')))).train()
    model.loss(*batch_of('segmentation'))


@pytest.mark.parametrize(
    'arguments, sentence',
    [
        (dict(sample='some'), "sample='some' was given, but it must be 'all', 'random:n'"),
        (dict(sample='random:0'), 'it must be'),
        (dict(sample='random:3'), 'asks for 3 sub-nets, but there are 2'),
        (dict(sample='sandwich:2'), 'asks for 3 sub-nets, but there are 2'),
        (dict(normalize='mean'), "EKD has normalize='mean', but it must be one of"),
        (dict(stages=[4]), r'EKD has stages=\[4\], but the backbone of the student gives 4 maps'),
        (dict(lean=True, detach_teacher=False), 'lean=True and detach_teacher=False'),
        (dict(subnet_weight=-1.0), r'EKD\.subnet_weight'),
        (dict(temperature=0.0), r'EKD\.temperature'),
    ],
)
def test_what_is_not_legal_is_said_in_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        student('segmentation', **arguments)
    assert '\n' not in str(caught.value)


def test_a_backbone_without_sub_nets_is_refused():
    with pytest.raises(TypeError, match='EKD trains the sub-nets of a backbone, but ResNet_CIFAR has none'):
        build(distilling(classifier(), dict(ekd=dict(type='mmkd.EKD'))), 'mmpretrain')


@pytest.mark.parametrize('kind', ['detection', 'two_stages'])
def test_all_nets_of_a_detector_get_the_assignment_of_the_full_one(kind):
    model = student(kind)
    head = model.bbox_head if kind == 'detection' else model.roi_head.bbox_head
    path = 'bbox_head.loss_by_feat:input' if kind == 'detection' else 'roi_head.bbox_head.loss_and_target:input'
    calls = []
    name = path.partition(':')[0].rpartition('.')[2]
    original = getattr(head, name)

    @functools.wraps(original)
    def listening(*args, **kwargs):
        calls.append((args, kwargs, head.get_targets))
        return original(*args, **kwargs)

    setattr(head, name, listening)
    step(model, kind)
    assert len(calls) == 3
    if kind == 'detection':
        targets = [call[2]() for call in calls[1:]]
        assert targets[0] is targets[1]
    else:
        rois = [call[1].get('rois', call[0][2] if len(call[0]) > 2 else None) for call in calls]
        assert all(torch.equal(rois[0], own) for own in rois[1:])
    # and afterwards the head assigns by itself again
    assert 'get_targets' not in vars(head)
