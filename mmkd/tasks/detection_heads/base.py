"""What every kind of detection head offers to the task."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmengine.registry import MODELS
from torch import Tensor, nn

from mmkd.tasks.comparable import ComparableLogits

if TYPE_CHECKING:
    from mmkd.step import Step


class HeadAdapter(ABC):
    """One kind of detection head: how a second one is built, run on other maps, and compared with the student's.

    Args:
        path: Where the head is in the student.
    """

    has_known_logits: bool = True
    """Whether class scores and boxes of two heads can be compared; otherwise only features are distilled."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    @abstractmethod
    def taps(self) -> list[str]:
        """What must be read from the student's step to run, train and compare a second head."""

    @property
    def neck_tap(self) -> str:
        """The neck levels that the head reads."""
        return 'neck'

    def head_of(self, student: nn.Module) -> nn.Module:
        """The student's own head."""
        return student.get_submodule(self.path)

    def build(self, student: nn.Module, channels: Sequence[int], config: dict | None) -> nn.Module:
        """A second head: of a config, or like the student's with weights of its own.

        Raises:
            ValueError: If the maps have other channels than the student's head reads.
        """
        if config:
            return MODELS.build(config)
        head = self.head_of(student)
        self.check_channels(head, channels)
        head = copy.deepcopy(head)
        for module in head.modules():
            if hasattr(module, 'reset_parameters'):
                module.reset_parameters()
        return head

    def check_channels(self, head: nn.Module, channels: Sequence[int]) -> None:
        """Raise a ``ValueError`` unless the head can read maps of these channels."""
        expected = getattr(head, 'in_channels', channels[0])
        if {expected} != set(channels):
            raise ValueError(
                f'The self-teacher gives maps with {list(channels)} channels, but the {type(head).__name__} of the '
                f"student reads {expected}: set source='neck' and self_teacher=dict(width=1.0)."
            )

    @abstractmethod
    def output(self, step: 'Step', head: nn.Module | None, maps: Sequence[Tensor]) -> Any:
        """What a head makes of maps; None stands for the student's own head."""

    @abstractmethod
    def loss(self, step: 'Step', head: nn.Module | None, output: Any) -> Tensor:
        """The head's own loss of such an output, with the student's assignment of boxes to locations."""

    def comparable_logits(self, step: 'Step', output: Any) -> ComparableLogits:
        """Class scores of both heads at the same locations, weighted by the confidence of the second."""
        raise TypeError(self.refusal(step.student))

    def box_loss(self, step: 'Step', output: Any, temperature: float) -> Tensor:
        """How far the student's boxes at positive locations are from those of the second head."""
        raise TypeError(self.refusal(step.student))

    def refusal(self, student: nn.Module) -> str:
        """The sentence that says why logits and boxes are not compared."""
        return (
            f'The {self.path} of the student is a {type(self.head_of(student)).__name__}, whose logits and boxes mmkd '
            'cannot compare: set logit_weight=0 and box_weight=0 to distil its features only.'
        )


def sum_of_losses(losses: dict[str, Any]) -> Tensor:
    """The sum that mmengine would make of a head's losses: every key with ``loss``, lists of levels included."""
    values = [value for key, value in losses.items() if 'loss' in key]
    return sum(part.mean() for value in values for part in (value if isinstance(value, list | tuple) else [value]))
