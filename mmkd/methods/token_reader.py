"""Read the tokens of student and teacher in a step."""

from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from mmkd.networks.connector import equal_size
from mmkd.step import Step
from mmkd.tasks.base import Task
from mmkd.tokens import FORMS, TokenPair, TokenSample, draw, token_channels, token_map, valid_patches

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson

PLACE = 'tokens'


class TokenReader:
    """Reads and draws tokens of student and teacher, once per step.

    Args:
        patch: Side of a patch.
        form: What a token is of its patch, see :func:`mmkd.tokens.token_map`.
        per_image: How many tokens of an image and level are drawn at most.
        maximum: How many tokens of a batch and level are drawn at most.

    Raises:
        ValueError: If a number is below 1 or the form unknown.
    """

    def __init__(self, patch: int, form: str, per_image: int, maximum: int) -> None:
        for name, value in (('patch', patch), ('tokens_per_image', per_image), ('max_tokens', maximum)):
            if value < 1:
                raise ValueError(f'TRG has {name}={value}, but it must be at least 1: raise it.')
        if form not in FORMS:
            raise ValueError(f'TRG has patch_form={form!r}, but it must be one of {FORMS}: choose one.')
        self.patch = patch
        self.form = form
        self.per_image = per_image
        self.maximum = maximum

    def channels(self, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> list[tuple[int, int]]:
        """Lengths of the tokens of student and teacher, level by level; the deepest levels are paired."""
        shapes = task.feature_shapes(student, PLACE), teacher.task.feature_shapes(teacher.model, PLACE)
        levels = min(map(len, shapes))
        lengths = ([token_channels(shape[0], self.patch, self.form) for shape in side[-levels:]] for side in shapes)
        return list(zip(*lengths, strict=True))

    def pairs(self, step: Step, lesson: 'Lesson') -> list[TokenPair]:
        """The tokens of both networks, level by level.

        Raises:
            ValueError: If all maps are smaller than a patch.
        """
        return step.once((id(self), id(lesson), 'pairs'), lambda: self._pairs(step, lesson))

    def samples(self, step: Step, lesson: 'Lesson') -> list[tuple[TokenPair, TokenSample]]:
        """The same, each with what was drawn of it in this step."""
        return step.once((id(self), id(lesson), 'samples'), lambda: [
            (pair, self._draw(pair)) for pair in self.pairs(step, lesson)])

    def _pairs(self, step: Step, lesson: 'Lesson') -> list[TokenPair]:
        student, teacher = step.features(PLACE), lesson.features(PLACE)
        levels = min(len(student), len(teacher))
        image = partial(step.task.valid_positions, step)
        maps = [equal_size(*level, image) for level in zip(student[-levels:], teacher[-levels:], strict=True)]
        masks = step.task.labelled_positions(step, [own for own, _ in maps]) or [None] * levels
        pairs = [
            TokenPair(
                *(token_map(side, self.patch, self.form) for side in level),
                None if mask is None else valid_patches(mask, self.patch),
            )
            for level, mask in zip(maps, masks, strict=True)
        ]
        if not any(pair.count for pair in pairs):
            sizes = ', '.join('x'.join(map(str, own.shape[-2:])) for own, _ in maps)
            raise ValueError(
                f'TRG has patch={self.patch}, but the maps of student and teacher have the common size {sizes}, in '
                'which no such patch fits: lower it.'
            )
        return pairs

    def _draw(self, pair: TokenPair) -> TokenSample:
        valid = None if pair.valid is None else pair.valid.flatten(1)
        return draw(len(pair.student), pair.count, self.per_image, self.maximum, valid, pair.student.device)
