"""What every task adapter offers to the methods."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from mmkd.entities import EntitySets
from mmkd.taps import Tap, Taps, find
from mmkd.tasks.comparable import ComparableLogits

if TYPE_CHECKING:
    from mmkd.step import Step

SOURCES = ('backbone', 'neck')
PLACES = (*SOURCES, 'preactivation', 'decoder', 'tokens', 'embedding', 'logits')
TapConfig = dict[str, str | list[str]]


class Task(ABC):
    """Where the models of one toolbox keep features, logits and targets, and how an extra head is built.

    A task is asked in three moments: before the forward pass for the taps it needs, after it for what the taps heard,
    and at build time for channel counts and heads.

    Args:
        student: The student, a model of the toolbox.
        taps: Taps that replace the usual ones, for models that keep things elsewhere: one path, or a list of paths with
            one map each. Places are ``'backbone'``, ``'neck'``, ``'preactivation'`` (backbone stages before their last
            activation), ``'decoder'`` (the map that the classifier of a segmentor reads), ``'tokens'`` (maps of what
            TRG relates), ``'embedding'`` (the vector that a linear classifier reads) and ``'logits'``.

    Raises:
        ValueError: If ``taps`` names something else.
    """

    name: ClassVar[str]
    self_teacher_width: ClassVar[float] = 2.0
    """Channels of a self-teacher relative to the student's, where a config says nothing."""
    maps_advice: ClassVar[str] = 'set its out_indices to several stages'
    entity_source: ClassVar[str]
    """The place whose features stand for single things: images, pixels or boxes."""
    has_logits_of_proposals: bool = False
    """Whether logits stand for the student's proposals, so that they do not follow from the image alone."""

    def __init__(self, student: nn.Module, taps: TapConfig | None = None) -> None:
        unknown = sorted(set(taps or {}) - set(PLACES))
        if unknown:
            raise ValueError(
                f'taps has the keys {unknown}, but only {", ".join(map(repr, PLACES))} are legal: rename them.'
            )
        wrong = {source: places for source, places in (taps or {}).items() if not _is_tap(places)}
        if wrong:
            raise ValueError(f'taps has {wrong}, but a path or a list of paths is needed for every place: correct it.')
        self.places = {
            source: [places] if isinstance(places, str) else list(places)
            for source, places in {**self.default_taps(student), **(taps or {})}.items()
        }
        for path in (path for source in taps or {} for path in self.places[source]):
            find(student, Tap(path))

    @abstractmethod
    def default_taps(self, student: nn.Module) -> TapConfig:
        """Taps of ``'backbone'`` and ``'logits'``, and of the other places where there are such."""

    @abstractmethod
    def num_classes(self, student: nn.Module) -> int:
        """Number of classes that the student's head tells apart."""

    @abstractmethod
    def targets(self, data_samples: list[Any]) -> Any:
        """The ground truth of a batch."""

    @abstractmethod
    def build_head(self, student: nn.Module, channels: Sequence[int], config: dict | None) -> nn.Module:
        """A head of its own for maps with these channels, shallow first."""

    def check_shared_head(self, student: nn.Module, channels: Sequence[int]) -> None:
        """Raise an error unless the student's own head can read other maps with these channels."""
        raise TypeError(
            f'share_head=True was asked for, but only heads of detectors can be shared, and this is a {self.name} '
            f'student: leave it out.'
        )

    def check_logits(self, student: nn.Module) -> None:  # noqa: B027  (most tasks have nothing to refuse)
        """Raise a ``TypeError`` unless logits of the student's head can be compared."""

    def check_boxes(self, student: nn.Module) -> None:
        """Raise a ``TypeError`` unless the student's head predicts boxes that can be compared."""
        raise TypeError(f'box_weight is above 0, but a {self.name} student predicts no boxes: leave it out.')

    def head_taps(self) -> list[str]:
        """What must be read from the student to run, train and compare a head that :meth:`build_head` made."""
        return []

    def own_output(self, step: 'Step') -> Any:
        """The student's logits in the structure that :meth:`comparable_logits` takes for those of another network."""
        return step.logits()

    def assignment_taps(self) -> list[str]:
        """What must be read from the student for :meth:`same_assignment`."""
        return []

    def same_assignment(self, step: 'Step') -> AbstractContextManager:
        """A context in which the student's own loss teaches the same targets as in its step, whatever it predicts."""
        return nullcontext()

    def head_output(self, step: 'Step', head: nn.Module | None, maps: Sequence[Tensor]) -> Any:
        """What a head makes of maps, logits in most tasks; None stands for the student's own head."""
        return head(maps)

    @abstractmethod
    def head_loss(self, step: 'Step', head: nn.Module | None, output: Any) -> Tensor:
        """The loss of a head's output against the ground truth; without a head the student's own serves."""

    @abstractmethod
    def comparable_logits(
        self, step: 'Step', output: Any, mask_ignored: bool = False, full_size: bool = True
    ) -> ComparableLogits:
        """The student's logits and those in a head's output, for the same things, and which of them count."""

    def check_softmax(self, student: nn.Module, method: str) -> None:  # noqa: B027  (most tasks have nothing to refuse)
        """Raise a ``TypeError`` in the name of a method unless one softmax over classes belongs to every label."""

    @abstractmethod
    def logit_labels(self, step: 'Step') -> Tensor:
        """The class (N, *) of everything that the comparable logits (N, C, *) stand for, as the student learns it."""

    @abstractmethod
    def entities(self, step: 'Step', student: Any, teacher: Any, limit: int) -> EntitySets:
        """Things of the batch with a class, as student and teacher see them; no more than ``limit``.

        Args:
            step: The student's step.
            student: What the student has at ``entity_source``.
            teacher: What the teacher has there.
            limit: How many things are drawn at most, evenly from the classes.
        """

    def num_views(self, data_samples: list[Any]) -> int:
        """Rows that the batch has for each image."""
        return 1

    def loss_of_views(self, student: nn.Module, data_samples: list[Any]) -> AbstractContextManager:
        """A context in which the student's own loss learns the first view of every image alone."""
        return nullcontext()

    def decisive_logits(self, step: 'Step') -> tuple[Tensor, bool]:
        """The student's logits where they decide something: rows (M, C), and whether every class is a sigmoid.

        Classifiers give one row per image.
        """
        return step.logits(), False

    def box_loss(self, step: 'Step', output: Any, temperature: float) -> Tensor:
        """How far the student's boxes are from those in a head's output."""
        raise TypeError(f'A {self.name} student predicts no boxes: leave box_weight out.')

    @abstractmethod
    def predict(self, model: nn.Module, images: Tensor, step: 'Step | None' = None) -> Any:
        """Logits of a model for images, in the structure of its head, as :meth:`comparable_logits` takes them.

        Args:
            model: A model of this task: the student, or a teacher.
            images: Batch (N, 3, H, W), preprocessed for that model.
            step: The student's step, needed by heads on proposals, which are the student's.
        """

    def check_teacher(self, student: nn.Module, model: nn.Module, task: 'Task') -> None:
        """Check that logits of a teacher stand for the same things as the student's.

        Args:
            student: The student.
            model: The teacher.
            task: The adapter of the teacher's toolbox.

        Raises:
            TypeError: If the two solve different tasks, or the logits of one of them cannot be compared.
            ValueError: If they tell different classes apart.
        """
        if task.name != self.name:
            raise TypeError(
                f'The teacher is a {task.name} model and the student a {self.name} model, whose logits stand for '
                'different things: compare features only, or take a teacher of the same toolbox.'
            )
        self.check_logits(student)
        task.check_logits(model)
        classes = [self.num_classes(student), task.num_classes(model)]
        if classes[0] != classes[1]:
            raise ValueError(
                f'The teacher has num_classes={classes[1]} and the student {classes[0]}, but their logits are '
                'compared: take a teacher of the same classes, or compare features only.'
            )

    def valid_positions(self, step: 'Step', maps: Sequence[Tensor]) -> list[Tensor] | None:
        """Masks (N, h, w) of what is image and not padding in maps (N, C, h, w), None where nothing is padded."""
        return None

    def labelled_positions(self, step: 'Step', maps: Sequence[Tensor]) -> list[Tensor] | None:
        """Masks (N, h, w) of what is neither padding nor void in the ground truth, None where nothing is either."""
        return self.valid_positions(step, maps)

    def taps(self, source: str) -> list[str]:
        """The taps of a place, see :class:`Task`.

        Raises:
            ValueError: If the model has no such place.
        """
        if source not in self.places:
            raise ValueError(
                f'source={source!r} was asked for, but this {self.name} model has {sorted(self.places)}: choose one '
                f'of these.'
            )
        return self.places[source]

    def features(self, record: Taps, source: str, least: int = 1) -> tuple[Tensor, ...]:
        """Feature maps (N, C_i, H_i, W_i) of a source, shallow first, as the taps heard them.

        Raises:
            ValueError: If the source gives fewer than ``least`` maps.
        """
        values = [record[path] for path in self.taps(source)]
        return self._as_maps(values[0] if len(values) == 1 else values, source, least)

    def embedding(self, record: Taps) -> Tensor:
        """The vectors (N, D) that a linear classifier reads, as the taps heard them.

        Raises:
            ValueError: If they are something else.
        """
        value = record[self.taps('embedding')[0]]
        if not isinstance(value, Tensor) or value.dim() != 2:
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(
                f'The head reads {found}, but one vector per image (N, D) is needed: use a GlobalAveragePooling neck '
                'and a LinearClsHead.'
            )
        return value

    def logits(self, record: Taps) -> Any:
        """The logits of the student's head, as the taps heard them."""
        return record[self.taps('logits')[0]]

    def feature_channels(self, student: nn.Module, source: str, least: int = 2) -> list[int]:
        """Channels of the maps of a source.

        Raises:
            ValueError: If the source gives fewer than ``least`` maps (N, C, H, W).
        """
        return [shape[0] for shape in self.feature_shapes(student, source, least)]

    def feature_shapes(self, student: nn.Module, source: str, least: int = 1) -> list[tuple[int, int, int]]:
        """Channels, rows and columns of the maps of a source, found by a forward pass of zeros in eval mode.

        Raises:
            ValueError: If the source gives fewer than ``least`` maps (N, C, H, W).
        """
        maps = self.features(self._probe(student, source), source, least)
        return [tuple(level.shape[1:]) for level in maps]

    def embedding_channels(self, student: nn.Module) -> int:
        """Length D of the vector that the classifier reads."""
        return self.embedding(self._probe(student, 'embedding')).shape[1]

    def _probe(self, student: nn.Module, source: str) -> Taps:
        with probing(student), Taps(student, self.taps(source), stop=True) as record:
            self.predict(student, probe_images(student))
        return record

    def run_features(self, student: nn.Module, images: Tensor) -> None:
        """Run backbone and neck on images."""
        feats = student.backbone(images)
        if getattr(student, 'with_neck', False):
            student.neck(feats)

    def _as_maps(self, value: Any, source: str, least: int) -> tuple[Tensor, ...]:
        maps = tuple(value) if isinstance(value, tuple | list) else (value,)
        if len(maps) < least or not all(isinstance(level, Tensor) and level.dim() == 4 for level in maps):
            shapes = [tuple(level.shape) if isinstance(level, Tensor) else type(level).__name__ for level in maps]
            needed = 'at least two maps (N, C, H, W) are' if least == 2 else 'a map (N, C, H, W) is'
            raise ValueError(
                f'The {source} of the student gives {shapes}, but {needed} needed: {self.maps_advice}, or name a place '
                f'with taps=dict({source}=…).'
            )
        return maps


def _is_tap(places: Any) -> bool:
    paths = [places] if isinstance(places, str) else places
    return isinstance(paths, list | tuple) and len(paths) > 0 and all(isinstance(path, str) for path in paths)


@contextmanager
def probing(student: nn.Module) -> Iterator[None]:
    """A context to run a student in, in eval mode, that leaves no trace: no gradient, no random number drawn."""
    modes = {module: module.training for module in student.modules()}
    student.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def probe_images(student: nn.Module) -> Tensor:
    """Two black images of a size that the backbone accepts: its own, if it was built for one, or 64x64."""
    size = getattr(getattr(student.backbone, 'patch_embed', None), 'init_input_size', None)
    return torch.zeros(2, 3, *(size or (64, 64)))
