"""What every task adapter offers to the methods."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmkd.taps import Tap, Taps, find

SOURCES = ('backbone', 'neck')
TapConfig = dict[str, str | list[str]]


class Task(ABC):
    """Where the models of one toolbox keep features, logits and targets, and how an extra head is built.

    A task is asked in three moments: before the forward pass for the taps it needs, after it for what the taps heard,
    and at build time for channel counts and heads.

    Args:
        student: The student, a model of the toolbox.
        taps: Taps that replace the usual ones, by ``'backbone'``, ``'neck'`` or ``'logits'``, for models that keep
            things elsewhere: one path, or a list of paths with one map each.

    Raises:
        ValueError: If ``taps`` names something else.
    """

    name: ClassVar[str]

    def __init__(self, student: nn.Module, taps: TapConfig | None = None) -> None:
        unknown = sorted(set(taps or {}) - {*SOURCES, 'logits'})
        if unknown:
            raise ValueError(
                f"taps has the keys {unknown}, but only 'backbone', 'neck' and 'logits' are legal: rename them."
            )
        self.places = {
            source: [places] if isinstance(places, str) else list(places)
            for source, places in {**self.default_taps(student), **(taps or {})}.items()
        }
        for path in (path for source in taps or {} for path in self.places[source]):
            find(student, Tap(path))

    @abstractmethod
    def default_taps(self, student: nn.Module) -> TapConfig:
        """Taps of ``'backbone'``, ``'neck'`` (if there is one) and ``'logits'`` of a student."""

    @abstractmethod
    def num_classes(self, student: nn.Module) -> int:
        """Number of classes that the student's head tells apart."""

    @abstractmethod
    def targets(self, data_samples: list[Any]) -> Any:
        """The ground truth of a batch."""

    def build_head(self, student: nn.Module, channels: Sequence[int], config: dict | None) -> nn.Module:
        """A head for maps with these channels; called with a list of maps it gives logits.

        Raises:
            TypeError: If the task has no such head.
        """
        raise TypeError(
            f'A self-teacher needs a head of its own, and for {self.name} none is defined: use a classification or '
            f'segmentation student.'
        )

    def head_loss(self, student: nn.Module, head: nn.Module | None, logits: Any, data_samples: list[Any]) -> Tensor:
        """The loss of such a head's logits against the ground truth; without a head the student's own loss serves.

        Raises:
            TypeError: If the task has no such head.
        """
        raise TypeError(
            f'A loss of extra logits is not defined for {self.name}: use a classification or segmentation student.'
        )

    @abstractmethod
    def comparable_logits(
        self, student: Tensor, teacher: Tensor, data_samples: list[Any], mask_ignored: bool, full_size: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Student and teacher logits at one size, and the mask of the positions that count (None: all of them)."""

    def taps(self, source: str) -> list[str]:
        """The taps of ``'backbone'``, ``'neck'`` or ``'logits'``.

        Raises:
            ValueError: If the student has no such place.
        """
        if source not in self.places:
            raise ValueError(
                f'source={source!r} was asked for, but this {self.name} student has {sorted(self.places)}: choose one '
                f'of these.'
            )
        return self.places[source]

    def features(self, record: Taps, source: str) -> tuple[Tensor, ...]:
        """Feature maps of a source, shallow first, as the taps heard them."""
        values = [record[path] for path in self.taps(source)]
        return self._as_maps(values[0] if len(values) == 1 else values, source)

    def logits(self, record: Taps) -> Any:
        """The logits of the student's head, as the taps heard them."""
        return record[self.taps('logits')[0]]

    def feature_channels(self, student: nn.Module, source: str) -> list[int]:
        """Channels of the maps of a source, found by one forward pass of zeros in eval mode.

        Raises:
            ValueError: If the source gives fewer than two maps (N, C, H, W).
        """
        modes = {module: module.training for module in student.modules()}
        student.eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]), Taps(student, self.taps(source)) as record:
                self.run_features(student, torch.zeros(2, 3, 64, 64))
            maps = self.features(record, source)
        finally:
            for module, training in modes.items():
                module.training = training
        return [level.shape[1] for level in maps]

    def run_features(self, student: nn.Module, images: Tensor) -> None:
        """Run backbone and neck on images."""
        feats = student.backbone(images)
        if getattr(student, 'with_neck', False):
            student.neck(feats)

    def _as_maps(self, value: Any, source: str) -> tuple[Tensor, ...]:
        maps = tuple(value) if isinstance(value, tuple | list) else (value,)
        if len(maps) < 2 or not all(isinstance(level, Tensor) and level.dim() == 4 for level in maps):
            shapes = [tuple(level.shape) if isinstance(level, Tensor) else type(level).__name__ for level in maps]
            raise ValueError(
                f'The {source} of the student gives {shapes}, but at least two maps (N, C, H, W) are needed: '
                f'set its out_indices to several stages, or name a place with taps=dict({source}=…).'
            )
        return maps
