"""AttentionMapLoss against numbers computed by hand and recorded ones."""
import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import AttentionMapLoss, attention_map, attention_map_loss
from mmkd.registry import MODELS
from tests import reference

FORMS = [(normalize, reduction) for normalize in ('l2', 'zscore', 'softmax') for reduction in ('mean', 'sum', 'norm')]


def feature(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair():
    return feature(2, 3, 4, 5), feature(2, 6, 4, 5, seed=1)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='AttentionMapLoss', normalize='zscore', reduction='sum', loss_weight=2.0))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4))
    assert value.shape == () and value.dtype == torch.float32
    assert "normalize='zscore', reduction='sum', power=2, loss_weight=2.0" in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(normalize='l1'), "normalize is 'l1', it must be one of l2, zscore, softmax"),
    (dict(reduction='batchmean'), "reduction is 'batchmean', it must be one of mean, sum, norm"),
    (dict(power=0.5), 'power is 0.5, it must be at least 1'),
    (dict(loss_weight=-1), 'loss_weight is -1'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        AttentionMapLoss(**arguments)
    if 'loss_weight' not in arguments:
        with pytest.raises(ValueError, match=text):
            attention_map_loss(*pair(), **arguments)


@pytest.mark.parametrize('student, teacher', [
    ((2, 3, 4, 4), (2, 3, 4, 5)), ((2, 3, 4, 4), (1, 3, 4, 4)), ((2, 3, 16), (2, 3, 16))])
def test_shapes_that_differ(student, teacher):
    good = torch.randn(2, 3, 4, 4)
    with pytest.raises(ValueError, match=r'Level 1 of the student .* must be \(N, C, H, W\) with equal N, H and W'):
        attention_map_loss([good, torch.randn(student)], [good, torch.randn(teacher)])


@pytest.mark.parametrize('student, teacher', [(2, 3), (0, 0)])
def test_numbers_of_levels(student, teacher):
    level = torch.randn(2, 3, 4, 4)
    with pytest.raises(ValueError, match=f'The student has {student} levels and the teacher {teacher}'):
        attention_map_loss([level] * student, [level] * teacher)


def test_attention_map_of_a_vector():
    with pytest.raises(ValueError, match=r'it must be a map \(N, C, H, W\)'):
        attention_map(torch.randn(2, 3))


@pytest.mark.parametrize('mask', [
    torch.ones(2, 4, 4, dtype=torch.bool), torch.ones(2, 1, 4, 5, dtype=torch.bool), torch.ones(2, 4, 5)])
def test_masks_that_do_not_fit(mask):
    with pytest.raises(ValueError, match=r'must be torch.bool with the shape \(2, 4, 5\)'):
        attention_map_loss(*pair(), mask=mask)


def test_numbers_of_masks():
    with pytest.raises(ValueError, match='There are 1 masks for 2 levels'):
        attention_map_loss(*([level, level] for level in pair()), mask=[torch.ones(2, 4, 5, dtype=torch.bool)])


# shapes

@pytest.mark.parametrize('normalize, reduction', FORMS)
def test_a_tensor_is_one_level(normalize, reduction):
    student, teacher = pair()
    loss = AttentionMapLoss(normalize, reduction)
    assert loss(student, teacher).shape == ()
    torch.testing.assert_close(loss([student], (teacher,)), loss(student, teacher))


@pytest.mark.parametrize('normalize', ['l2', 'zscore', 'softmax'])
def test_attention_map_keeps_the_positions(normalize):
    student, _ = pair()
    result = attention_map(student, normalize)
    assert result.shape == (2, 4, 5)
    torch.testing.assert_close(attention_map(student.transpose(2, 3), normalize), result.transpose(1, 2))


# values

@pytest.mark.parametrize('case', reference.cases('frskd', 'ekd', of='AttentionMapLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(AttentionMapLoss(**case['args']), case, dtype)


def test_by_hand():
    student = torch.tensor([[[[3.0, 0.0]], [[0.0, 2.0]]]])  # energies 9/2 and 4/2
    teacher = torch.tensor([[[[1.0, 0.0]]]])
    root = 97 ** 0.5
    squares = (9 / root - 1) ** 2 + (4 / root) ** 2
    for reduction, expected in (('mean', squares / 2), ('sum', squares), ('norm', squares ** 0.5)):
        assert attention_map_loss(student, teacher, 'l2', reduction).item() == pytest.approx(expected, rel=1e-5)
    assert attention_map_loss(student, teacher, 'l2', 'sum', power=1).item() == pytest.approx(
        (3 / 13 ** 0.5 - 1) ** 2 + 4 / 13, rel=1e-5)
    soft = torch.tensor([4.5, 2.0]).softmax(0) - torch.tensor([1.0, 0.0]).softmax(0)
    assert attention_map_loss(student, teacher, 'softmax', 'sum').item() == pytest.approx(soft.square().sum().item())


def test_zscore_by_hand():
    student = torch.tensor([[[[2.0, 0.0]], [[1.0, 1.0]]]])  # sums 3 and 1, so +-1 over a deviation of sqrt 2
    teacher = torch.tensor([[[[0.0, 5.0]]]])
    value = attention_map_loss(student, teacher, 'zscore', 'sum')
    assert value.item() == pytest.approx(4.0, rel=1e-5)


@pytest.mark.parametrize('normalize, reduction', FORMS)
def test_batch_duplication_repeated_channels_and_permuted_positions_change_nothing(normalize, reduction):
    student, teacher = pair()
    loss = AttentionMapLoss(normalize, reduction)
    value = loss(student, teacher)
    assert value > 0
    torch.testing.assert_close(loss(student.repeat(2, 1, 1, 1), teacher.repeat(2, 1, 1, 1)), value)
    torch.testing.assert_close(loss(student.flip(2, 3), teacher.flip(2, 3)), value)
    repeated = loss(student.repeat(1, 3, 1, 1), teacher)
    torch.testing.assert_close(repeated, value, rtol=1e-5, atol=0)


@pytest.mark.parametrize('normalize, keeps', [('l2', True), ('zscore', True), ('softmax', False)])
def test_scale(normalize, keeps):
    student, teacher = pair()
    loss = AttentionMapLoss(normalize, 'sum')
    same = torch.allclose(loss(5 * student, teacher), loss(student, teacher), rtol=1e-5)
    assert same is keeps


def test_levels_are_summed_and_may_not_be_swapped():
    student = [feature(2, 3, 4, 4, seed=seed) for seed in (0, 1)]
    teacher = [feature(2, 5, 4, 4, seed=seed) for seed in (2, 3)]
    value = attention_map_loss(student, teacher)
    parts = [attention_map_loss(*level) for level in zip(student, teacher, strict=True)]
    torch.testing.assert_close(value, sum(parts))
    assert not torch.allclose(attention_map_loss(student, teacher[::-1]), value)


def test_loss_weight():
    torch.testing.assert_close(AttentionMapLoss(loss_weight=50.0)(*pair()), 50 * attention_map_loss(*pair()))


def corner_mask():
    """The first image whole, of the second 3 rows of 4 columns."""
    mask = torch.ones(2, 4, 5, dtype=torch.bool)
    mask[1, 3:] = mask[1, :, 4:] = False
    return mask


def test_mask_by_hand():
    mask = torch.tensor([[[True, True], [False, False]]])
    student = torch.tensor([[[[3.0, 0.0], [7.0, 7.0]], [[0.0, 2.0], [7.0, 7.0]]]])
    teacher = torch.tensor([[[[1.0, 0.0], [9.0, 9.0]]]])
    for normalize in ('l2', 'zscore', 'softmax'):
        for reduction in ('mean', 'sum', 'norm'):
            expected = attention_map_loss(student[:, :, :1], teacher[:, :, :1], normalize, reduction)
            value = attention_map_loss(student, teacher, normalize, reduction, mask=mask)
            torch.testing.assert_close(value, expected)
    root = 97 ** 0.5  # as in test_by_hand
    value = attention_map_loss(student, teacher, 'l2', 'mean', mask=mask)
    assert value.item() == pytest.approx(((9 / root - 1) ** 2 + (4 / root) ** 2) / 2, rel=1e-5)


@pytest.mark.parametrize('normalize', ['l2', 'zscore', 'softmax'])
def test_mean_is_over_the_valid_positions_of_the_batch_and_the_others_over_images(normalize):
    student, teacher = pair()
    parts = [[tensor[:1] for tensor in (student, teacher)], [tensor[1:, :, :3, :4] for tensor in (student, teacher)]]
    sums = [attention_map_loss(*part, normalize, 'sum') for part in parts]
    norms = [attention_map_loss(*part, normalize, 'norm') for part in parts]
    mask = corner_mask()
    for reduction, expected in (('mean', sum(sums) / 32), ('sum', sum(sums) / 2), ('norm', sum(norms) / 2)):
        torch.testing.assert_close(attention_map_loss(student, teacher, normalize, reduction, mask=mask), expected)


@pytest.mark.parametrize('normalize, reduction', FORMS)
def test_a_mask_of_everything_changes_nothing(normalize, reduction):
    student, teacher = pair()
    mask = torch.ones(2, 4, 5, dtype=torch.bool)
    value = attention_map_loss(student, teacher, normalize, reduction, mask=mask)
    torch.testing.assert_close(value, attention_map_loss(student, teacher, normalize, reduction))


@pytest.mark.parametrize('normalize, reduction', FORMS)
def test_what_and_how_much_is_padded_changes_nothing(normalize, reduction):
    student, teacher = pair()
    mask = corner_mask()
    expected = attention_map_loss(student, teacher, normalize, reduction, mask=mask)
    for right, below in ((0, 0), (1, 0), (3, 2), (0, 17)):
        for fill in (0.0, -3.0, 6e4, float('inf'), float('nan')):
            leaf = student.clone().requires_grad_()
            padded = []
            for tensor in (leaf, teacher):
                tensor = tensor.masked_fill(~mask[:, None], fill)
                padded.append(torch.nn.functional.pad(tensor, (0, right, 0, below), value=fill))
            larger = torch.nn.functional.pad(mask, (0, right, 0, below))
            value = attention_map_loss(*padded, normalize, reduction, mask=larger)
            value.backward()
            torch.testing.assert_close(value, expected)
            assert leaf.grad.isfinite().all() and leaf.grad.movedim(1, -1)[mask].ne(0).any()


@pytest.mark.parametrize('normalize, reduction', FORMS)
@pytest.mark.parametrize('valid', [0, 1])
def test_images_without_or_with_one_valid_position_have_finite_gradients(normalize, reduction, valid):
    student, teacher = pair()
    mask = torch.zeros(2, 4, 5, dtype=torch.bool)
    mask[:, :valid, :valid] = True
    value = attention_map_loss(student.requires_grad_(), teacher, normalize, reduction, mask=mask)
    value.backward()
    assert student.grad.isfinite().all()
    assert value.item() == pytest.approx(0, abs=1e-12)  # one position has nowhere else to look


def test_every_level_has_its_mask():
    student, teacher = pair()
    mask = corner_mask()
    coarse = [tensor[:, :, ::2, ::2] for tensor in (student, teacher)]
    parts = [attention_map_loss(student, teacher, mask=mask), attention_map_loss(*coarse, mask=mask[:, ::2, ::2])]
    levels = [[one, other] for one, other in zip((student, teacher), coarse, strict=True)]
    torch.testing.assert_close(AttentionMapLoss()(*levels, [mask, mask[:, ::2, ::2]]), sum(parts))


@pytest.mark.parametrize('normalize', ['l2', 'softmax', 'zscore'])
@pytest.mark.parametrize('power', [1, 2, 3])
def test_half_inputs_up_to_the_largest_number_stay_finite(normalize, power):
    student = torch.tensor([[[[65504.0, -300.0, 0.0]], [[65504.0, 2.0, -1.0]]]]).half().requires_grad_()
    teacher = torch.tensor([[[[1.0, 65504.0, 3.0]]]], dtype=torch.float16)
    value = attention_map_loss(student, teacher, normalize, 'sum', power)
    value.backward()
    expected = attention_map_loss(student.double(), teacher.double(), normalize, 'sum', power)
    assert value.dtype == torch.float32 and student.grad.dtype == torch.float16
    assert student.grad.isfinite().all()
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize('normalize, reduction', FORMS)
def test_autocast_changes_nothing(normalize, reduction):
    student, teacher = [300 * tensor.float() for tensor in pair()]
    expected = attention_map_loss(student, teacher, normalize, reduction)
    with torch.autocast('cpu', torch.bfloat16):
        value = attention_map_loss(student, teacher, normalize, reduction)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize('normalize, reduction', FORMS)
@pytest.mark.parametrize('fill', ['dead', 'constant', 'equal'])
def test_gradient_of_dead_constant_and_equal_maps_is_finite(normalize, reduction, fill):
    teacher = pair()[0]
    dead = torch.zeros(2, 3, 4, 5)
    student = {'dead': dead, 'constant': dead + 2, 'equal': teacher.float()}[fill]
    value = attention_map_loss(student.requires_grad_(), teacher.float(), normalize, reduction)
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all()
    assert fill != 'equal' or value.item() == 0


@pytest.mark.parametrize('normalize', ['l2', 'zscore', 'softmax'])
@pytest.mark.parametrize('reduction', ['mean', 'sum', 'norm'])
@pytest.mark.parametrize('shape', [(0, 3, 2, 2), (2, 3, 0, 2)])
def test_no_element_is_a_connected_zero(normalize, reduction, shape):
    student = torch.zeros(shape, dtype=torch.float16, requires_grad=True)
    value = attention_map_loss(student, torch.zeros(shape), normalize, reduction)
    value.backward()
    assert value.item() == 0 and student.grad.shape == shape


def test_zscore_without_a_usable_level_ignores_what_the_map_holds():
    student = torch.tensor([float('inf'), float('nan'), 65504.0]).half().view(1, 3, 1, 1).requires_grad_()
    value = attention_map_loss(student, torch.zeros(1, 1, 1, 1), 'zscore')
    value.backward()
    assert value.item() == 0 and value.dtype == torch.float32 and student.grad.eq(0).all()


def test_teacher_is_detached():
    student, teacher = [tensor.requires_grad_() for tensor in pair()]
    attention_map_loss(student, teacher).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


# gradcheck

@pytest.mark.parametrize('normalize, reduction', FORMS)
@pytest.mark.parametrize('power', [1, 2, 2.5])
def test_gradcheck(normalize, reduction, power):
    student, teacher = pair()
    assert gradcheck(lambda x: attention_map_loss(x, teacher, normalize, reduction, power), student.requires_grad_())


@pytest.mark.parametrize('normalize, reduction', FORMS)
def test_gradcheck_with_a_mask(normalize, reduction):
    student, teacher = pair()
    mask = corner_mask()
    assert gradcheck(
        lambda x: attention_map_loss(x, teacher, normalize, reduction, mask=mask), student.requires_grad_())


# compile

@pytest.mark.parametrize('normalize', ['l2', 'zscore', 'softmax'])
def test_compile_in_one_graph(normalize):
    student, teacher = pair()
    loss = AttentionMapLoss(normalize, 'norm', loss_weight=0.5)
    compiled = torch.compile(loss, fullgraph=True, backend='aot_eager')
    values, gradients = [], []
    for function in (loss, compiled):
        leaf = student.clone().requires_grad_()
        values.append(function([leaf, leaf[:, :, :1, :1]], [teacher, teacher[:, :, :1, :1]]))
        values[-1].backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients)
