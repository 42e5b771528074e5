"""Heads whose outputs have no common meaning: they train a self-teacher, and only features are distilled."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from mmkd.tasks.detection_heads.base import HeadAdapter, sum_of_losses

if TYPE_CHECKING:
    from mmkd.step import Step


class OpaqueHeads(HeadAdapter):
    """Any head with ``loss(maps, data_samples)``: instance and panoptic heads, and dense heads mmkd does not know."""

    has_known_logits = False

    @property
    def taps(self) -> list[str]:
        """Nothing but the features."""
        return []

    def output(self, step: 'Step', head: nn.Module | None, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The maps themselves: the head's loss runs the head."""
        return tuple(maps)

    def predict(self, model: nn.Module, maps: Sequence[Tensor], step: 'Step | None') -> tuple[Tensor, ...]:
        """The maps themselves."""
        return tuple(maps)

    def loss(self, step: 'Step', head: nn.Module | None, output: tuple[Tensor, ...]) -> Tensor:
        """The head's own loss, with an assignment of its own."""
        own = self.head_of(step.student)
        with self.second(step, head) as second:
            if hasattr(own, 'use_l1'):
                # the hook that switches this loss of YOLOX on finds the student's head only
                second.use_l1 = own.use_l1
            return sum_of_losses(second.loss(output, step.data_samples))
