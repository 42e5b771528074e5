"""What a method sees of one training step."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from mmkd.collected_gradients import CollectedGradients
from mmkd.taps import Taps
from mmkd.tasks.base import Task
from mmkd.teachers.lesson import Lesson


@dataclass
class Step:
    """One training step of the student, after its own forward pass and loss.

    Args:
        student: The student.
        task: Where models of its toolbox keep things.
        record: What the taps heard.
        data_samples: The batch's data samples of the toolbox.
        inputs: The preprocessed batch (N, 3, H, W).
        lessons: What each external teacher knows of the batch, in the order of the teachers.
        gradients: Where a lean method propagates its terms back to, None if there is none.
    """

    student: nn.Module
    task: Task
    record: Taps
    data_samples: list[Any]
    inputs: Any
    lessons: list[Lesson] = field(default_factory=list)
    gradients: CollectedGradients | None = None
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def batch_size(self) -> tuple[int, int]:
        """Height and width of the batch, padding included."""
        return tuple(self.inputs.shape[-2:])

    def features(self, source: str) -> tuple[Tensor, ...]:
        """Feature maps (N, C_i, H_i, W_i) of a place such as ``'backbone'`` or ``'neck'``, shallow first."""
        return self.task.features(self.record, source)

    def embedding(self) -> Tensor:
        """What a linear classifier reads, (N, D)."""
        return self.task.embedding(self.record)

    def logits(self) -> Any:
        """The student's logits, at the resolution and in the structure of its head."""
        return self.task.logits(self.record)

    def targets(self) -> Any:
        """The ground truth of the batch."""
        return self.task.targets(self.data_samples)

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What ``make`` returns, called once per step and key: methods share what they need in common."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
