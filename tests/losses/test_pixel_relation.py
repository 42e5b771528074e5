"""PixelRelationLoss against numbers computed by hand and a plain computation."""
import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import PixelRelationLoss, pixel_relation_loss
from mmkd.losses.pixel_relation import window_for
from mmkd.registry import MODELS
from tests.losses.common import (
    check_compile,
    check_connected_zero,
    check_large,
    check_precision,
    check_teacher_detached,
    gradient,
    matrices_kept,
    normal,
)
from tests.losses.test_frobenius import Largest

BY_HAND = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of (3/4, 1/4) from (1/2, 1/2)
STEEP = 1 / math.log(3.0)  # at this temperature the cosines 1 and 0 become 3/4 and 1/4


def maps(batch=3, height=3, width=4):
    return normal(batch, 4, height, width), normal(batch, 3, height, width, seed=1)


def mask():
    """Three images of which one is complete, one has a corner, and one has nothing valid."""
    mask = torch.ones(3, 3, 4, dtype=torch.bool)
    mask[1, 1:] = False
    mask[1, 0, 3] = False
    mask[2] = False
    return mask


def plain(student, teacher, temperature, mask=None):
    """Image by image and pixel by pixel, of the pixels that count."""
    images = range(len(student))
    if mask is not None:
        images = [image for image in images if mask[image].any()]
    pixels = [
        [side[i].flatten(1).T if mask is None else side[i].movedim(0, -1)[mask[i]] for i in images]
        for side in (student, teacher)
    ]
    total = 0.0
    for i in range(len(images)):
        for j in range(len(images)):
            p, q = (
                (F.cosine_similarity(side[i][:, None], side[j][None], dim=2) / temperature).softmax(1)
                for side in pixels
            )
            total = total + (q * (q / p).log()).sum(1).mean()
    return total / len(images) ** 2


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='PixelRelationLoss', temperature=0.2, max_positions=9, loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4))
    assert value.shape == () and value.dtype == torch.float32
    assert 'temperature=0.2, max_positions=9, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(max_positions=0), 'max_positions is 0, it must be greater than 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        PixelRelationLoss(**arguments)


@pytest.mark.parametrize('student, teacher', [((2, 3, 4, 4), (2, 3, 4, 5)), ((2, 3, 4), (2, 3, 4))])
def test_shapes_that_differ(student, teacher):
    with pytest.raises(ValueError, match=r'both must be \(N, C, H, W\) with equal N, H and W'):
        pixel_relation_loss(torch.randn(student), torch.randn(teacher))


def test_masks_that_do_not_fit():
    with pytest.raises(ValueError, match=r'it must be torch.bool with the shape \(3, 3, 4\)'):
        pixel_relation_loss(*maps(), torch.ones(3, 3, 4))


# shapes and values

@pytest.mark.parametrize('temperature', [0.1, 1.0])
@pytest.mark.parametrize('batch, size', [(3, (3, 4)), (1, (3, 4)), (2, (1, 1)), (2, (1, 2))])
def test_is_the_formula_of_the_paper(temperature, batch, size):
    value, slope = gradient(pixel_relation_loss, *maps(batch, *size), None, temperature)
    expected, expected_slope = gradient(plain, *maps(batch, *size), temperature)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, expected_slope, rtol=1e-6, atol=1e-9)


def test_by_hand():
    # one image with two equal pixels against one with two unlike pixels
    student, teacher = torch.ones(1, 1, 1, 2), torch.eye(2).view(1, 2, 1, 2)
    assert pixel_relation_loss(student, teacher, temperature=STEEP).item() == pytest.approx(BY_HAND, rel=1e-5)
    # of two images the second has equal pixels for both: one pair differs, three are (3/4, 1/4) or equal in both
    student = torch.stack([torch.ones(2, 1, 2), torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(2, 1, 2)])
    teacher = torch.stack([torch.eye(2).view(2, 1, 2), torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(2, 1, 2)])
    expected = (BY_HAND + 0 + BY_HAND + 0) / 4  # pixels of either image tell those of the first apart or not
    assert pixel_relation_loss(student, teacher, temperature=STEEP).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('temperature', [0.1, 1.0])
def test_what_does_not_count_is_no_row_and_in_no_softmax(temperature):
    student, teacher = maps()
    value, slope = gradient(pixel_relation_loss, student, teacher, mask(), temperature)
    torch.testing.assert_close(value, plain(student, teacher, temperature, mask()))
    for side in (student, teacher):
        side.movedim(1, -1)[~mask()] = float('nan')
    again, slope_again = gradient(pixel_relation_loss, student, teacher, mask(), temperature)
    torch.testing.assert_close(again, value)
    torch.testing.assert_close(slope_again, slope)
    assert slope.movedim(1, -1)[~mask()].eq(0).all()


@pytest.mark.parametrize('rubbish', [float('inf'), -float('inf'), float('nan'), 6e4])
@pytest.mark.parametrize('max_positions', [12, 4])
def test_rubbish_in_half_precision(rubbish, max_positions):
    student, teacher = (side.half() for side in maps())
    clean = pixel_relation_loss(student, teacher, mask(), max_positions=max_positions)
    for side in (student, teacher):
        side.movedim(1, -1)[~mask()] = rubbish
    value, slope = gradient(pixel_relation_loss, student, teacher, mask(), 0.1, max_positions)
    torch.testing.assert_close(value, clean)
    assert slope.isfinite().all() and value.dtype == torch.float32


@pytest.mark.parametrize('size, most, window', [
    ((32, 32), 1024, 1), ((64, 64), 1024, 2), ((128, 64), 1024, 3), ((33, 32), 1024, 2), ((256, 256), 1024, 8),
    ((1, 100), 10, 10), ((3, 4), 1, 4), ((1, 1), 1, 1), ((5, 5), 8, 3)])
def test_windows_are_the_smallest_that_leave_few_enough_positions(size, most, window):
    assert window_for(size, most) == window
    counts = [math.ceil(size[0] / side) * math.ceil(size[1] / side) for side in (window, window - 1) if side]
    assert counts[0] <= most and all(count > most for count in counts[1:])


def test_large_maps_are_averaged_first():
    student, teacher = maps(2, 6, 8)
    means = [F.avg_pool2d(side, 2) for side in (student, teacher)]
    torch.testing.assert_close(
        pixel_relation_loss(student, teacher, max_positions=12), pixel_relation_loss(*means))


def test_averages_are_those_of_what_counts():
    student, teacher = maps(2, 5, 8)
    counts = torch.ones(2, 5, 8, dtype=torch.bool)
    counts[0, 3:] = False
    counts[0, :, 5:] = False
    means = []
    for side in (student, teacher):
        pooled = side.new_zeros(2, side.shape[1], 3, 4)
        for i in range(3):
            for j in range(4):
                for image in range(2):
                    area = (slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2))
                    pixels = side[(image, slice(None), *area)][:, counts[(image, *area)]]
                    if pixels.numel():
                        pooled[image, :, i, j] = pixels.mean(1)
        means.append(pooled)
    inside = torch.ones(2, 3, 4, dtype=torch.bool)
    inside[0, 2:] = False
    inside[0, :, 3:] = False
    torch.testing.assert_close(
        pixel_relation_loss(student, teacher, counts, max_positions=12), pixel_relation_loss(*means, inside))


def test_scale_of_pixels_order_rotation_duplicated_batch_and_loss_weight():
    student, teacher = maps()
    value = pixel_relation_loss(student, teacher)
    scaled = student * normal(3, 1, 3, 4, seed=2).abs()
    torch.testing.assert_close(pixel_relation_loss(scaled, 3 * teacher), value)
    for dim in range(4):
        torch.testing.assert_close(pixel_relation_loss(student.flip(dim), teacher.flip(dim)), value)
    turned = torch.einsum('nchw,cd->ndhw', student, torch.linalg.qr(normal(4, 4, seed=2)).Q)
    torch.testing.assert_close(pixel_relation_loss(turned, teacher), value)
    twice = [side.repeat(2, 1, 1, 1) for side in (student, teacher)]
    torch.testing.assert_close(pixel_relation_loss(*twice), value)
    torch.testing.assert_close(PixelRelationLoss(loss_weight=0.5)(student, teacher), 0.5 * value)
    torch.testing.assert_close(pixel_relation_loss(student, 2 * turned), torch.zeros(()).double())


def test_maps_of_zeros_and_constant_maps():
    student, teacher = maps()
    value, slope = gradient(pixel_relation_loss, 0 * student, teacher)
    assert value.isfinite() and slope.eq(0).all()
    value, slope = gradient(pixel_relation_loss, 0 * student + 2, teacher)
    assert value.isfinite() and slope.isfinite().all()


@pytest.mark.parametrize('shape', [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2)])
def test_no_element_is_a_connected_zero(shape):
    check_connected_zero(pixel_relation_loss, torch.zeros(shape).half(), torch.zeros(shape))


def test_nothing_valid_is_a_connected_zero():
    student, teacher = maps()
    check_connected_zero(pixel_relation_loss, student * float('inf'), teacher, mask() & False)


def test_matrices_are_made_for_one_image_at_a_time_and_not_kept():
    student, teacher = normal(4, 2, 12, 12), normal(4, 2, 12, 12, seed=1)
    of_one_image = 144 * 4 * 144
    assert matrices_kept(pixel_relation_loss, 144 * 144, student, teacher) == 0
    with Largest() as seen:
        pixel_relation_loss(student.requires_grad_(), teacher).backward()
    assert seen.numel == of_one_image


def test_precision():
    student, teacher = maps()
    check_precision(pixel_relation_loss, student, teacher)
    check_precision(pixel_relation_loss, student, teacher, mask())
    check_large(pixel_relation_loss, student, teacher)


def test_teacher_is_detached():
    check_teacher_detached(pixel_relation_loss, *maps())


# gradcheck

@pytest.mark.parametrize('masked', [False, True])
def test_gradcheck(masked):
    student, teacher = maps()
    assert gradcheck(
        lambda x: pixel_relation_loss(x, teacher, mask() if masked else None, 0.5), student.requires_grad_())


# compile

@pytest.mark.parametrize('masked', [False, True])
def test_compile_in_one_graph(masked):
    check_compile(PixelRelationLoss(loss_weight=0.5), *maps(), *([mask()] if masked else []))
