"""What a method sees of one training step."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mmkd.taps import Taps
from mmkd.tasks.base import Task


@dataclass
class Step:
    """One training step of the student, after its own forward pass and loss.

    Args:
        student: The student.
        task: Where models of its toolbox keep things.
        record: What the taps heard.
        data_samples: The batch's data samples of the toolbox.
    """

    student: nn.Module
    task: Task
    record: Taps
    data_samples: list[Any]

    def features(self, source: str) -> tuple[Tensor, ...]:
        """Feature maps (N, C_i, H_i, W_i) of ``'backbone'`` stages or ``'neck'`` levels, shallow first."""
        return self.task.features(self.record, source)

    def logits(self) -> Any:
        """The student's logits, at the resolution and in the structure of its head."""
        return self.task.logits(self.record)

    def targets(self) -> Any:
        """The ground truth of the batch."""
        return self.task.targets(self.data_samples)
