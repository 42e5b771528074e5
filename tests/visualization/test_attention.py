import pytest
import torch
from matplotlib.figure import Figure

from mmkd.visualization import attention_map, draw_attention_pair


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


def test_pair_shares_one_scale():
    axes = Figure().subplots(2, 1)
    draw_attention_pair(torch.tensor([[0.1, 0.2]]), torch.tensor([[0.8, 0.0]]), tuple(axes), 'stage 1')
    assert [axis.images[0].get_clim() for axis in axes] == [pytest.approx((0, 0.8))] * 2
    assert axes[0].get_title() == 'stage 1, 1 × 2\n0 to 0.8'
    assert axes[1].images[0].get_array().tolist() == [[pytest.approx(0.8), 0.0]]


def test_student_alone_and_zero_map():
    axis = Figure().subplots()
    draw_attention_pair(torch.zeros(2, 2), None, (axis, None), 'stage 1', size=(30, 40))
    assert axis.images[0].get_clim() == (0, 1)
    assert axis.images[0].get_extent() == [0, 40, 30, 0]
