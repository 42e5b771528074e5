import pytest
import torch
from matplotlib.figure import Figure

from mmkd.visualization.attention import Stage, attention_map, draw_stage


def test_hand_computed_map():
    # channel means of squares: (9 + 0) / 2, (0 + 16) / 2, 0, 0; they stand as 9 : 16, whose norm is sqrt(337)
    feature = torch.tensor([[[[3.0, 0.0], [0.0, 0.0]], [[0.0, -4.0], [0.0, 0.0]]]])
    expected = torch.tensor([[[9.0, 16.0], [0.0, 0.0]]]) / 337**0.5
    torch.testing.assert_close(attention_map(feature), expected)


def test_it_is_the_map_that_the_loss_compares():
    from mmkd.losses import AttentionMapLoss

    student, teacher = torch.randn(2, 3, 4, 5), torch.randn(2, 7, 4, 5)
    difference = (attention_map(student) - attention_map(teacher)).square().mean()
    torch.testing.assert_close(AttentionMapLoss()(student, teacher), difference)


def test_scale_and_repeated_channels_change_nothing():
    feature = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(attention_map(feature), attention_map(torch.cat([feature, feature], 1) * 7))


def test_half_precision_does_not_overflow_and_zero_stays_zero():
    half = attention_map(torch.full((1, 2, 2, 2), 60000.0, dtype=torch.float16))
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, torch.full((1, 2, 2), 0.5))
    assert attention_map(torch.zeros(1, 2, 3, 3)).abs().max() == 0


def test_wrong_shape_is_one_sentence():
    with pytest.raises(ValueError, match=r'shape \(3, 4, 5\), but \(N, C, H, W\) is needed'):
        attention_map(torch.zeros(3, 4, 5))


def drawn(stage, size=(4, 8)):
    axes = Figure().subplots(3, 1)
    draw_stage(stage, size, axes)
    return axes


def test_a_pair_shares_one_scale_and_the_difference_has_its_own_around_zero():
    axes = drawn(Stage('stage 1', torch.tensor([[0.1, 0.2]]), torch.tensor([[0.8, 0.0]])))
    assert [axis.images[0].get_clim() for axis in axes[:2]] == [pytest.approx((0, 0.8))] * 2
    assert axes[1].images[0].get_array().tolist() == [[pytest.approx(0.8), 0.0]]
    assert axes[2].images[0].get_array().tolist() == [[pytest.approx(0.7), pytest.approx(-0.2)]]
    assert axes[2].images[0].get_clim() == pytest.approx((-0.7, 0.7))
    assert [axis.get_title() for axis in axes] == ['stage 1, 1 × 2\n0 to 0.8', '', '−0.7 to 0.7']


def test_red_is_the_teacher_and_blue_the_student():
    image = drawn(Stage('stage 1', torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])))[2].images[0]
    (student, teacher) = image.to_rgba(image.get_array())[0]
    assert student[2] > 2 * student[0] and teacher[0] > 2 * teacher[2]


def test_cells_lie_where_they_look_even_beyond_the_image():
    axis = drawn(Stage('stage 1', torch.ones(2, 3), cell=(4.0, 4.0)), size=(7, 9))[0]
    assert axis.images[0].get_extent() == [0, 12, 8, 0]
    assert axis.get_xlim() == (0, 9) and axis.get_ylim() == (7, 0)


def test_no_teacher_and_a_map_of_zeros():
    axes = drawn(Stage('stage 1', torch.zeros(2, 2)))
    assert axes[0].images[0].get_clim() == (0, 1)
    assert not axes[1].images and not axes[2].images


def test_equal_networks_have_no_difference():
    axes = drawn(Stage('stage 1', torch.ones(2, 2), torch.ones(2, 2)))
    assert axes[2].get_title() == 'no difference' and axes[2].images[0].get_clim() == (-1, 1)
