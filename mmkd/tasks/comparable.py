"""Logits of student and teacher that stand for the same things."""

from dataclasses import dataclass

from torch import Tensor

from mmkd.losses.binary_soft_target import binary_soft_target_loss
from mmkd.losses.soft_target import soft_target_loss


@dataclass(frozen=True)
class ComparableLogits:
    """Logits of both networks, position by position, and how much each position counts.

    Args:
        student: Logits (N, C, *), for example (N, C), (N, C, H, W) or rows (M, C) of locations.
        teacher: Logits of the same shape.
        mask: Bool (N, *), True where a position counts; None: all of them.
        weight: Weights (M,) of rows instead of a mask; their sum is the divisor.
        binary: Whether every class is a sigmoid of its own instead of one softmax over all.
    """

    student: Tensor
    teacher: Tensor
    mask: Tensor | None = None
    weight: Tensor | None = None
    binary: bool = False

    def soft_target_loss(self, temperature: float, detach: bool = True) -> Tensor:
        r""":math:`T^2 KL(teacher \| student)` at a temperature, averaged over what counts.

        Args:
            temperature: :math:`T`.
            detach: Whether only the student learns from it.
        """
        if self.binary:
            return binary_soft_target_loss(
                self.student, self.teacher, self.weight, temperature=temperature, detach=detach
            )
        return soft_target_loss(self.student, self.teacher, self.mask, temperature, self.weight, detach)
