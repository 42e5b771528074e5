"""PairwiseSimilarityLoss against numbers computed by hand and a plain computation."""
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import PairwiseSimilarityLoss, pairwise_similarity_loss
from mmkd.registry import MODELS
from tests.losses.common import (
    check_compile,
    check_connected_zero,
    check_large,
    check_precision,
    check_teacher_detached,
    gradient,
    normal,
)
from tests.losses.test_frobenius import Largest


def maps(height=5, width=6):
    return normal(2, 4, height, width), normal(2, 3, height, width, seed=1)


def mask():
    """One image with a valid corner, in which a window of four has one valid position, and one without padding."""
    mask = torch.ones(2, 5, 6, dtype=torch.bool)
    mask[0, 3:] = False
    mask[0, :, 5:] = False
    return mask


def plain(student, teacher, window, mask=None):
    """Max-pool, cosines and mean square, image by image and without the positions that do not count."""
    total, pairs = 0.0, 0
    for image in range(len(student)):
        matrices = []
        for side in (student, teacher):
            rows = []
            for top in range(0, side.shape[2], window):
                for left in range(0, side.shape[3], window):
                    area = (image, slice(None), slice(top, top + window), slice(left, left + window))
                    pixels = side[area].flatten(1)
                    if mask is not None:
                        pixels = pixels[:, mask[area[0], area[2], area[3]].flatten()]
                    if pixels.shape[1]:
                        rows.append(pixels.amax(1))
            rows = torch.stack(rows) if rows else side.new_zeros(0, side.shape[1])
            matrices.append(F.cosine_similarity(rows[:, None], rows[None], dim=2))
        total = total + (matrices[0] - matrices[1]).square().sum()
        pairs += matrices[0].numel()
    return total / pairs


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='PairwiseSimilarityLoss', window=3, loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4))
    assert value.shape == () and value.dtype == torch.float32
    assert 'window=3, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(window=0), 'window is 0, it must be at least 1'), (dict(loss_weight=-0.1), 'loss_weight is -0.1')])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        PairwiseSimilarityLoss(**arguments)


@pytest.mark.parametrize('student, teacher', [((2, 3, 4, 4), (2, 3, 4, 5)), ((2, 3, 4), (2, 3, 4)), ((2, 3), (2, 3))])
def test_shapes_that_differ(student, teacher):
    with pytest.raises(ValueError, match=r'both must be \(N, C, H, W\) with equal N, H and W'):
        pairwise_similarity_loss(torch.randn(student), torch.randn(teacher))


@pytest.mark.parametrize('mask', [torch.ones(2, 5, 6), torch.ones(2, 5, 5, dtype=torch.bool)])
def test_masks_that_do_not_fit(mask):
    with pytest.raises(ValueError, match=r'it must be torch.bool with the shape \(2, 5, 6\)'):
        pairwise_similarity_loss(*maps(), mask)


# shapes and values

@pytest.mark.parametrize('window', [1, 2, 3, 9])
@pytest.mark.parametrize('size', [(5, 6), (1, 1), (7, 2)])
def test_is_the_mean_square_of_differences_of_cosines(window, size):
    value, slope = gradient(pairwise_similarity_loss, *maps(*size), None, window)
    expected, expected_slope = gradient(plain, *maps(*size), window)
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(slope, expected_slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('window', [1, 2])
def test_what_does_not_count_is_in_no_window_and_no_pair(window):
    student, teacher = maps()
    value, slope = gradient(pairwise_similarity_loss, student, teacher, mask(), window)
    torch.testing.assert_close(value, plain(student, teacher, window, mask()))
    for side in (student, teacher):
        side.movedim(1, -1)[~mask()] = float('nan')
    again, slope_again = gradient(pairwise_similarity_loss, student, teacher, mask(), window)
    torch.testing.assert_close(again, value)
    torch.testing.assert_close(slope_again, slope)
    assert slope.movedim(1, -1)[~mask()].eq(0).all()


@pytest.mark.parametrize('rubbish', [float('inf'), -float('inf'), float('nan'), 6e4])
def test_rubbish_in_half_precision(rubbish):
    student, teacher = (side.half() for side in maps())
    clean = pairwise_similarity_loss(student, teacher, mask())
    for side in (student, teacher):
        side.movedim(1, -1)[~mask()] = rubbish
    value, slope = gradient(pairwise_similarity_loss, student, teacher, mask())
    torch.testing.assert_close(value, clean)
    assert slope.isfinite().all() and value.dtype == torch.float32


def test_a_full_mask_is_none():
    student, teacher = maps()
    full = torch.ones(2, 5, 6, dtype=torch.bool)
    torch.testing.assert_close(
        pairwise_similarity_loss(student, teacher, full), pairwise_similarity_loss(student, teacher))


def test_by_hand():
    student = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])  # cosine 0
    teacher = torch.tensor([[[[3.0, 4.0]], [[0.0, 3.0]]]])  # cosine 4/5
    assert pairwise_similarity_loss(student, teacher, window=1).item() == pytest.approx(2 * 0.8**2 / 4)


def test_scale_of_positions_order_rotation_duplicated_batch_and_loss_weight():
    student, teacher = maps()
    value = pairwise_similarity_loss(student, teacher, window=1)
    scaled = student * normal(2, 1, 5, 6, seed=2).abs()
    torch.testing.assert_close(pairwise_similarity_loss(scaled, 3 * teacher, window=1), value)
    for dim in range(4):
        torch.testing.assert_close(pairwise_similarity_loss(student.flip(dim), teacher.flip(dim), window=1), value)
    turn = torch.linalg.qr(normal(4, 4, seed=2)).Q
    turned = torch.einsum('nchw,cd->ndhw', student, turn)
    torch.testing.assert_close(pairwise_similarity_loss(turned, teacher, window=1), value)
    twice = [side.repeat(2, 1, 1, 1) for side in (student, teacher)]
    torch.testing.assert_close(pairwise_similarity_loss(*twice, window=1), value)
    torch.testing.assert_close(PairwiseSimilarityLoss(window=1, loss_weight=0.5)(student, teacher), 0.5 * value)


def test_equal_maps_maps_of_zeros_and_constant_maps():
    student, teacher = maps()
    assert pairwise_similarity_loss(student, student).abs() < 1e-12
    value, slope = gradient(pairwise_similarity_loss, 0 * student, teacher)
    assert value.isfinite() and slope.eq(0).all()
    value, slope = gradient(pairwise_similarity_loss, 0 * student + 2, teacher)
    assert value.isfinite() and slope.isfinite().all()


@pytest.mark.parametrize('shape', [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2)])
def test_no_element_is_a_connected_zero(shape):
    check_connected_zero(pairwise_similarity_loss, torch.zeros(shape).half(), torch.zeros(shape))


def test_nothing_valid_is_a_connected_zero():
    student, teacher = maps()
    check_connected_zero(pairwise_similarity_loss, student * float('inf'), teacher, torch.zeros(2, 5, 6).bool())


def test_no_matrix_of_positions_by_positions_is_made():
    student, teacher = normal(2, 8, 64, 64).requires_grad_(), normal(2, 4, 64, 64, seed=1)
    with Largest() as seen:
        pairwise_similarity_loss(student, teacher).backward()
    assert seen.numel == student.numel() < (32 * 32) ** 2


def test_precision():
    student, teacher = maps()
    check_precision(pairwise_similarity_loss, student, teacher)
    check_precision(pairwise_similarity_loss, student, teacher, mask())
    check_large(pairwise_similarity_loss, student, teacher)


def test_teacher_is_detached():
    check_teacher_detached(pairwise_similarity_loss, *maps())


# gradcheck

@pytest.mark.parametrize('masked', [False, True])
def test_gradcheck(masked):
    student, teacher = maps()
    assert gradcheck(
        lambda x: pairwise_similarity_loss(x, teacher, mask() if masked else None), student.requires_grad_())


# compile

@pytest.mark.parametrize('masked', [False, True])
def test_compile_in_one_graph(masked):
    check_compile(PairwiseSimilarityLoss(loss_weight=0.5), *maps(), *([mask()] if masked else []))
