"""What every kind of detection head offers to the task."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

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
            ValueError: If the head reads other channels than the maps have, or knows other classes than the student.
        """
        own = self.head_of(student)
        head = MODELS.build(config) if config else _fresh_copy(own)
        self.check_channels(head, channels)
        classes = [getattr(each, 'num_classes', None) for each in (head, own)]
        if classes[0] != classes[1]:
            raise ValueError(
                f'The head of the self-teacher has num_classes={classes[0]}, but the student has {classes[1]}: give '
                f'both the same.'
            )
        return head

    def check_channels(self, head: nn.Module, channels: Sequence[int]) -> None:
        """Raise a ``ValueError`` unless the head can read maps of these channels."""
        expected = getattr(head, 'in_channels', None)
        if isinstance(expected, int) and {expected} != set(channels):
            raise ValueError(
                f'The self-teacher gives maps with {list(channels)} channels, but its {type(head).__name__} reads '
                f"{expected}: set source='neck' and self_teacher=dict(width=1.0)."
            )

    @contextmanager
    def second(self, step: 'Step', head: nn.Module | None) -> Iterator[nn.Module]:
        """The head to run on other maps; the student's own keeps the running statistics of its own maps."""
        if head is not None:
            yield head
            return
        shared = self.head_of(step.student)
        norms = [module for module in shared.modules() if isinstance(module, _BatchNorm)]
        momenta = [norm.momentum for norm in norms]
        try:
            for norm in norms:
                # otherwise they would be half those of the self-teacher's maps, which the deployed head never sees
                norm.momentum = 0.0
            yield shared
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum

    @abstractmethod
    def output(self, step: 'Step', head: nn.Module | None, maps: Sequence[Tensor]) -> Any:
        """What a head makes of maps; None stands for the student's own head."""

    def own_output(self, step: 'Step') -> Any:
        """The class scores of the student's own head, in the structure of :meth:`output`."""
        raise TypeError(self.refusal(step.student))

    @property
    def assignment_taps(self) -> list[str]:
        """What must be read from the student's step for :meth:`same_assignment`."""
        return []

    def same_assignment(self, step: 'Step') -> AbstractContextManager:
        """A context in which the student's own loss assigns boxes as in the step."""
        return nullcontext()

    @abstractmethod
    def predict(self, model: nn.Module, maps: Sequence[Tensor], step: 'Step | None') -> Any:
        """What the head of a model (a teacher, for example) makes of that model's own maps."""

    def check_teacher(self, student: nn.Module, model: nn.Module, other: 'HeadAdapter') -> None:
        """Raise a ``TypeError`` unless the heads of student and teacher predict the same things."""
        heads = [self.head_of(student), other.head_of(model)]
        if type(self) is not type(other) or self.layout(heads[0]) != other.layout(heads[1]):
            kinds = [type(head).__name__ for head in heads]
            raise TypeError(
                f'The teacher has a {kinds[1]} and the student a {kinds[0]}, whose class scores do not stand for the '
                'same locations, anchors and classes: take a teacher with the same kind of head, or compare features '
                'only.'
            )

    def layout(self, head: nn.Module) -> tuple:
        """What must be equal in two heads for their class scores to be compared."""
        return ()

    @abstractmethod
    def loss(self, step: 'Step', head: nn.Module | None, output: Any) -> Tensor:
        """The head's own loss of such an output, with the student's assignment of boxes to locations."""

    def comparable_logits(self, step: 'Step', output: Any) -> ComparableLogits:
        """Class scores of both heads at the same locations, weighted by the confidence of the second."""
        raise TypeError(self.refusal(step.student))

    def check_softmax(self, student: nn.Module, method: str) -> None:
        """Raise a ``TypeError`` in the name of a method unless every proposal has one softmax over the classes."""
        raise TypeError(
            f'{method} compares the softmax over classes of every proposal, but the {self.path} of the detector is a '
            f'{type(self.head_of(student)).__name__}, which has none: use mmkd.LogitKD, or a two-stage detector.'
        )

    def proposal_labels(self, step: 'Step') -> Tensor:
        """The class (M,) that every proposal was assigned, background included."""
        raise TypeError(self.refusal(step.student))

    def positive_logits(self, step: 'Step') -> tuple[Tensor, bool]:
        """The student's class scores at positives, (M, C), and whether every class is a sigmoid."""
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


@contextmanager
def given(owner: Any, **replaced: Any) -> Iterator[None]:
    """A context in which an object has other attributes."""
    before = {name: vars(owner)[name] for name in replaced if name in vars(owner)}
    for name, value in replaced.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name in replaced:
            delattr(owner, name)
        for name, value in before.items():
            setattr(owner, name, value)


def given_targets(head: nn.Module, targets: Any) -> AbstractContextManager:
    """A context in which a head gets targets that were made before, whatever it predicts."""
    return given(head, get_targets=lambda *args, **kwargs: targets)


def _fresh_copy(head: nn.Module) -> nn.Module:
    head = copy.deepcopy(head)
    for module in head.modules():
        if hasattr(module, 'reset_parameters'):
            module.reset_parameters()
    return head


def sum_of_losses(losses: dict[str, Any]) -> Tensor:
    """The sum that mmengine would make of a head's losses: every key with ``loss``, lists of levels included."""
    values = [value for key, value in losses.items() if 'loss' in key]
    return sum(part.mean() for value in values for part in (value if isinstance(value, list | tuple) else [value]))
