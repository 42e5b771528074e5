import pytest
import torch

from mmkd.tasks.detection_heads.box_distance import box_distance


def test_by_hand():
    student = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0]], requires_grad=True)
    # The first pair shares 1 of 7 in a hull of 9, the second nothing in a hull of 3 of which it fills 2.
    teacher = torch.tensor([[1.0, 1.0, 3.0, 3.0], [2.0, 0.0, 3.0, 1.0]], requires_grad=True)
    value = box_distance(student, teacher)
    expected = [1 - 1 / 7 + 2 / 9, 1 - 0 + 1 / 3]
    assert value.item() == pytest.approx(sum(expected) / 2, rel=1e-5)
    value.backward()
    assert student.grad.ne(0).any() and teacher.grad is None


@pytest.mark.parametrize('inverted', [[3.0, 0.0, 1.0, 2.0], [0.0, 5.0, 1.0, 5.0], [9.0, 9.0, 0.0, 0.0]])
@pytest.mark.parametrize('side', [0, 1])
def test_what_is_no_box_is_left_out(inverted, side):
    proper = [torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 1.0, 3.0, 3.0]])]
    pair = [torch.cat([box, box]) for box in proper]
    pair[side][1] = torch.tensor(inverted)
    torch.testing.assert_close(box_distance(*pair), box_distance(*proper))


def test_without_a_pair_of_boxes_the_distance_is_a_connected_zero():
    student = torch.tensor([[2.0, 2.0, 1.0, 1.0]], requires_grad=True)
    value = box_distance(student, torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    value.backward()
    assert value == 0 and student.grad.eq(0).all()
