"""What all methods that compare feature maps have in common, in every task."""

import pytest
import torch
from mmengine.logging import MessageHub

from tests.methods.given_maps import dilated, learner, maps_of, padded_batch, step_of, value_of, wide
from tests.students import SCOPES, STUDENTS, build, classification_batch, distilling, segmentation_batch
from tests.teachers import count_runs, teacher_of

TERMS = dict(
    AttentionTransfer='attention',
    FeatureKD='feature',
    ChannelWiseKD='channel',
    PKD='feature',
    MGD='feature',
    ReviewKD='review',
)
PLACES = [
    ('classification', 'backbone'),
    ('segmentation', 'backbone'),
    ('segmentation', 'decoder'),
    ('detection', 'neck'),
]
kinds = pytest.mark.parametrize('kind', list(TERMS))
places = pytest.mark.parametrize('task, source', PLACES)
padded_places = pytest.mark.parametrize('task, source', PLACES[1:])


def trained(model):
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


@kinds
@places
def test_a_student_of_every_task_gets_its_term_and_trains_by_it(tmp_path, kind, task, source):
    data = padded_batch(task)
    model = learner(tmp_path, task, kind, source=source, weight=2.0)
    losses = model.loss(*data)
    plain = build(STUDENTS[task](), SCOPES[task]).loss(*data)
    (key,) = set(losses) - set(plain)
    assert key == f'distill.method.loss_{TERMS[kind]}'
    assert losses[key].shape == () and losses[key].isfinite() and losses[key] > 0
    model.parse_losses(losses)[0].backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in trained(model))
    parts = list(model.distill.named_parameters())
    # A bias in front of a batch norm or of a correlation has no effect.
    assert all(part.grad.abs().sum() > 0 for name, part in parts if name.endswith('weight'))
    assert bool(parts) == (kind != 'AttentionTransfer')
    # Alone, the term trains the student as well.
    model.zero_grad()
    model.loss(*data)[key].backward()
    assert next(iter(model.backbone.parameters())).grad.abs().sum() > 0


@kinds
@pytest.mark.parametrize('task', list(STUDENTS))
def test_maps_of_other_channels_and_sizes(tmp_path, kind, task):
    source = 'neck' if task == 'detection' else 'backbone'
    model = learner(tmp_path, task, kind, dilated(task), source=source)
    losses = model.loss(*padded_batch(task))
    model.parse_losses(losses)[0].backward()
    assert losses[f'distill.method.loss_{TERMS[kind]}'] > 0
    assert all(parameter.grad.isfinite().all() for parameter in trained(model))


@kinds
@padded_places
@pytest.mark.parametrize('teacher', [wide, dilated])
def test_what_stands_in_the_padding_changes_nothing(tmp_path, kind, task, source, teacher):
    model = learner(tmp_path, task, kind, teacher(task), source=source)
    step = step_of(model, padded_batch(task))
    sides = maps_of(model, step)
    value = value_of(model, step, *sides)
    slopes = torch.autograd.grad(value, sides[0])
    changed, hidden = [], []
    for side in sides:
        masks = [~mask.unsqueeze(1) for mask in step.task.valid_positions(step, side)]
        contents = [1e3 * torch.randn_like(level) for level in side]
        levels = zip(side, masks, contents, strict=True)
        changed.append([level.detach().where(~mask, content).requires_grad_() for level, mask, content in levels])
        hidden.append(masks)
    assert all(mask.any() for mask in hidden[0][:1])
    other = value_of(model, step, *changed)
    torch.testing.assert_close(other, value)
    for slope, before, mask in zip(torch.autograd.grad(other, changed[0]), slopes, hidden[0], strict=True):
        torch.testing.assert_close(slope, before)
        assert slope.masked_select(mask).eq(0).all()


@kinds
def test_a_weight_of_zero_builds_and_runs_nothing(tmp_path, kind):
    data = segmentation_batch()
    model = learner(tmp_path, 'segmentation', kind, source='backbone', weight=0)
    assert not model.distill.methods and not model.distill.teachers
    losses = []
    for network in (model, build(STUDENTS['segmentation'](), 'mmseg')):
        torch.manual_seed(0)
        losses.append(network.loss(*data))
    assert losses[0] == losses[1]


@kinds
def test_parts_have_a_gradient_of_zeros_before_a_ramp_begins(tmp_path, kind):
    ramp = dict(type='Ramp', begin=5, end=6, by_epoch=False)
    model = learner(tmp_path, 'segmentation', kind, source='backbone', weight=ramp)
    runs = count_runs(model.distill.teachers[0])
    hub = MessageHub.get_current_instance()
    for moment, active in ((0, False), (9, True)):
        hub.update_info('iter', moment)
        losses = model.loss(*segmentation_batch())
        assert (f'distill.method.loss_{TERMS[kind]}' in losses) == active == bool(runs)
        model.zero_grad()
        model.parse_losses(losses)[0].backward()
        grads = [part.grad for part in model.distill.parameters()]
        assert all(grad is not None and (active or grad.eq(0).all()) for grad in grads)


@kinds
def test_one_small_image_down_to_maps_of_one_position(tmp_path, kind):
    model = learner(tmp_path, 'classification', kind, source='backbone')
    model.backbone.eval()  # whose own batch norms refuse a single value
    images, samples = classification_batch()
    losses = model.loss(images[:1, :, :4, :4], samples[:1])
    model.parse_losses(losses)[0].backward()
    assert losses[f'distill.method.loss_{TERMS[kind]}'].isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in trained(model))


@kinds
@pytest.mark.parametrize('constant', [0.0, 0.1, -3.0])
@pytest.mark.parametrize('side', [0, 1])
def test_constant_maps(tmp_path, kind, constant, side):
    model = learner(tmp_path, 'segmentation', kind, source='backbone')
    step = step_of(model, segmentation_batch())
    sides = maps_of(model, step)
    sides[side] = [torch.full_like(level, constant).requires_grad_() for level in sides[side]]
    value = value_of(model, step, *sides)
    value.backward()
    assert value.isfinite()
    assert all(level.grad.isfinite().all() and level.grad.abs().max() < 1e3 for level in sides[0])
    assert all(part.grad.isfinite().all() for part in model.distill.parameters())


@kinds
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(tmp_path, kind, dtype):
    model = learner(tmp_path, 'segmentation', kind, source='backbone').eval()
    step = step_of(model, segmentation_batch())
    sides = [[level.detach().to(dtype) for level in side] for side in maps_of(model, step)]
    expected = value_of(model, step, *([level.float() for level in side] for side in sides))
    own, other = [level.requires_grad_() for level in sides[0]], sides[1]
    with torch.autocast('cpu', dtype):
        value = value_of(model, step, own, other)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=0.05, atol=1e-5)
    value.backward()
    assert all(level.grad.dtype == dtype and level.grad.isfinite().all() for level in own)


@kinds
def test_several_levels_are_a_sum_and_a_teacher_may_have_others(tmp_path, kind):
    if kind == 'ReviewKD':
        pytest.skip('its levels are fused with each other')
    single = learner(tmp_path, 'segmentation', kind, source='backbone', levels=[1], teacher_levels=[2]).eval()
    double = learner(tmp_path, 'segmentation', kind, source='backbone', levels=[1, -1], teacher_levels=[2, 3]).eval()
    sides = maps_of(single, step := step_of(single, segmentation_batch()))
    same = value_of(single, step, *sides)
    assert same == value_of(single, step, *([level if i in (1, 2) else 0 * level for i, level in enumerate(side)]
                                            for side in sides)) > 0
    own, other = ([side[i] for i in indices] for side, indices in zip(sides, ((1, -1), (2, 3)), strict=True))
    method = double.distill.methods.method
    (parts,) = method.parts
    torch.manual_seed(0)
    pairs = parts[TERMS[kind]](own, other)
    expected = sum(method.difference(parts[TERMS[kind]], [pair], None) for pair in pairs)
    torch.testing.assert_close(value_of(double, step, *sides), expected)


@kinds
def test_only_the_student_and_the_parts_are_saved_and_a_plain_checkpoint_loads(tmp_path, kind):
    model = learner(tmp_path, 'segmentation', kind, source='backbone')
    plain = build(STUDENTS['segmentation'](), 'mmseg', seed=7)
    own = {key for key in model.state_dict() if not key.startswith('distill.')}
    assert own == set(plain.state_dict())
    before = {key: value.clone() for key, value in model.distill.state_dict().items()}
    model.load_state_dict(plain.state_dict())
    assert all(torch.equal(value, before[key]) for key, value in model.distill.state_dict().items())


@kinds
def test_illegal_levels_and_sources_are_refused(tmp_path, kind):
    with pytest.raises(ValueError, match=r'choose among 0 to 3'):
        learner(tmp_path, 'segmentation', kind, source='backbone', levels=[4])
    with pytest.raises(ValueError, match=f'{kind} has source=.head., but it must be one of'):
        learner(tmp_path, 'segmentation', kind, source='head')
    with pytest.raises(ValueError, match='give one teacher level per student level'):
        learner(tmp_path, 'segmentation', kind, source='backbone', levels=[1], teacher_levels=[1, 2])
    with pytest.raises(ValueError, match='this classification model has'):
        learner(tmp_path, 'classification', kind, source='decoder')


@kinds
def test_a_classifier_teaches_a_segmentor(tmp_path, kind):
    teacher = teacher_of(tmp_path, STUDENTS['classification'](), 'mmpretrain')
    methods = dict(method=dict(type=f'mmkd.{kind}', source='backbone'))
    student = STUDENTS['segmentation']()
    student.data_preprocessor.update(mean=[0.0] * 3, std=[1.0] * 3)
    model = build(distilling(student, methods, teacher=teacher), 'mmseg')
    losses = model.loss(*segmentation_batch())
    assert losses[f'distill.method.loss_{TERMS[kind]}'] > 0
