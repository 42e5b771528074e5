"""What a teacher knows of the batch of one training step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from mmkd.teachers.external_teacher import ExternalTeacher


@dataclass(frozen=True)
class Lesson:
    """The knowledge of one teacher in one step, without gradient, by the places it was read from.

    Args:
        teacher: Who teaches.
        knowledge: Maps, embeddings and logits by ``'backbone'``, ``'neck'``, …, ``'embedding'``, ``'logits'``.
    """

    teacher: 'ExternalTeacher'
    knowledge: dict[str, Any]

    def features(self, source: str) -> tuple[Tensor, ...]:
        """Feature maps (N, C_i, H_i, W_i) of a place, shallow first."""
        return self.knowledge[source]

    def embedding(self) -> Tensor:
        """What a linear classifier reads, (N, D)."""
        return self.knowledge['embedding']

    def logits(self) -> Any:
        """Logits in the structure of the teacher's head."""
        return self.knowledge['logits']
