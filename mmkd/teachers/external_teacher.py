"""A frozen model of any toolbox that a student learns from."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmkd.taps import Taps
from mmkd.tasks.base import Task
from mmkd.teachers.cache import TeacherCache
from mmkd.teachers.lesson import Lesson
from mmkd.teachers.renormalize import Renormalizer

if TYPE_CHECKING:
    from mmkd.step import Step

AUTOCASTS = (None, False, 'bfloat16', 'float16')


class ExternalTeacher:
    """A teacher beside the student.

    It is no module, so that nothing that walks the student's module tree finds it: optimizer, DDP, EMA and checkpoints
    know nothing of it, and a deep copy of the student shares it.

    Args:
        model: The teacher, with its weights.
        task: The adapter of its toolbox.
        weight: Multiplies every term that compares the student with this teacher.
        autocast: Type of its mixed precision, ``'bfloat16'`` or ``'float16'``; False for none; None for that of the
            student's step.
        name: What messages call it.

    Raises:
        ValueError: If ``autocast`` is something else.
    """

    def __init__(
        self, model: nn.Module, task: Task, weight: float = 1.0, autocast: str | bool | None = None, name: str = ''
    ) -> None:
        if autocast not in AUTOCASTS:
            raise ValueError(f'The teacher has autocast={autocast!r}, but it must be one of {AUTOCASTS}: choose one.')
        self.model = model.requires_grad_(False).eval()
        self.task = task
        self.weight = weight
        self.autocast = autocast
        self.name = name or type(model).__name__
        self.cache: TeacherCache | None = None
        self._renormalizer: Renormalizer | None = None

    def __deepcopy__(self, memo: dict) -> 'ExternalTeacher':
        return self

    def apply(self, function: Callable[[Tensor], Tensor]) -> None:
        """Move or convert the teacher as the student is moved or converted."""
        self.model._apply(function)
        if self.cache is not None:
            # Other types give other outputs; a file is found again by what the teacher is.
            self.cache.close()

    def teach(self, step: 'Step', sources: Collection[str]) -> Lesson:
        """Run the teacher on the student's batch, no deeper than the deepest of the places that are read.

        Args:
            step: The student's step.
            sources: Places such as ``'backbone'``, ``'embedding'`` or ``'logits'``.
        """
        return Lesson(self, self.look(self._images(step), step, sources))

    def look(self, images: Tensor, step: 'Step', sources: Collection[str]) -> dict[str, Any]:
        """Knowledge about images that are preprocessed for the teacher, by place; remembered if there is a cache."""
        # Whoever got hold of the model may have called train() on it.
        self.model.eval()
        self._follow(images.device)
        run = partial(self._run, step=step, sources=sources)
        with torch.no_grad(), self._precision(images):
            return run(images) if self.cache is None else self.cache.recall(images, sources, run)

    def _follow(self, device: torch.device) -> None:
        # FSDP moves the parameters of a student one by one, which the student's modules do not hear of.
        if any(parameter.device != device for parameter in self.model.parameters()):
            self.apply(lambda tensor: tensor.to(device))

    def _run(self, images: Tensor, step: 'Step', sources: Collection[str]) -> dict[str, Any]:
        tapped = [source for source in sources if source != 'logits']
        paths = list(dict.fromkeys(path for source in tapped for path in self.task.taps(source)))
        logits = None
        with Taps(self.model, paths, stop='logits' not in sources) as record:
            logits = self.task.predict(self.model, images, step)
        knowledge = {source: self._heard(record, source) for source in tapped}
        return {**knowledge, 'logits': logits} if 'logits' in sources else knowledge

    def _heard(self, record: Taps, source: str) -> Any:
        return self.task.embedding(record) if source == 'embedding' else self.task.features(record, source)

    def _images(self, step: 'Step') -> Tensor:
        if self._renormalizer is None:
            self._renormalizer = Renormalizer.between(step.student.data_preprocessor, self.model.data_preprocessor)
        return self._renormalizer(step.inputs, lambda: step.task.valid_positions(step, [step.inputs]))

    def _precision(self, images: Tensor) -> AbstractContextManager:
        if self.autocast is None:
            return nullcontext()
        dtype = getattr(torch, self.autocast) if self.autocast else None
        return torch.autocast(images.device.type, dtype=dtype, enabled=bool(self.autocast))
