"""TRG: the tokens of a batch relate to each other as in a teacher."""

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from mmengine.model import ModuleList
from torch import Tensor, nn

from mmkd.losses import ContextualLoss, TokenContrastLoss, TokenGraphLoss
from mmkd.methods.taught import TaughtMethod
from mmkd.methods.token_reader import TokenReader
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.tasks.base import Task
from mmkd.tokens import TokenPair, median_distance

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson

COARSE_TO_FINE = dict(type='Anneal', start=0.5, stop=0.07, shape='cosine')


@MODELS.register_module()
class TRG(TaughtMethod):
    r"""A graph of the tokens of a whole batch is compared with that of a teacher, beside soft targets.

    A token is a patch of the deepest map of a CNN, a patch token of a transformer, or a patch of a segmentor's decoder
    map or of a detector's pyramid level. Maps of different sizes are averaged down to the smaller one first. Some
    tokens of every image are drawn anew in each step, at the same positions in both networks.

    - ``logit``: soft targets, see :class:`LogitKD`.
    - ``local``: the graphs of nearest neighbours of the drawn tokens, see :func:`mmkd.losses.token_graph_loss`.
    - ``global``: every drawn token of the student finds its counterpart, after a linear layer to the teacher's width
      that is trained with it, see :func:`mmkd.losses.token_contrast_loss`.
    - ``contextual``: similarities of the tokens inside every image, see :func:`mmkd.losses.contextual_loss`.

    What is padding or void alone is left out. A pyramid has a graph and a linear layer for each level, and a term is
    the mean over the levels; where one network has more levels, the deepest are paired.

    Zhang et al., `Knowledge Distillation via Token-level Relationship Graph <https://arxiv.org/abs/2306.12442>`_. The
    terms are the paper's; no number of it is known to us. All defaults are our choice, and
    :class:`mmkd.hooks.CalibrationHook` shows whether the weights suit a student.

    Args:
        weight: Multiplies all terms, a number or a schedule.
        logit_weight: :math:`\lambda`. With 0 the teacher may be of other classes, or of another toolbox.
        local_weight: :math:`\beta`. 1 suits ``softmax='edge'``, whose gradient is larger.
        global_weight: :math:`\gamma`.
        contextual_weight: :math:`\alpha`.
        temperature: Of the soft targets, a number or a schedule.
        global_temperature: Of the global term, a number or a schedule. By default it falls from 0.5 to 0.07 during the
            run, from coarse structure to fine.
        patch: Side of a patch in positions of the smaller map.
        patch_form: ``'pool'``: a token is the mean over its patch; ``'flatten'``: all of it.
        tokens_per_image: How many tokens of an image (and level) are drawn at most.
        max_tokens: How many tokens of a batch (and level) are drawn at most.
        num_neighbors: Neighbours of every token, k.
        sigma: Width of the kernel, not squared, or ``'median'``: the teacher's median squared distance of neighbours.
        graph: ``'own'`` neighbours in each network, or the ``'teacher'``'s in both.
        softmax: Over ``'all'`` columns of the graph, or those with an ``'edge'``.
        max_contextual_tokens: Up to so many tokens of an image are all compared by the contextual term.
        contextual_size: What it compares of more tokens: None: the drawn ones; a number: all, averaged down to at most
            so many rows and columns.
        gather: Whether tokens are related across all processes, in the local and the global term.
        full_size: Segmentation: whether logits are compared at the size of the labels instead of the student's stride.
        mask_ignored: Segmentation: whether void pixels are left out of the soft targets.

    Raises:
        ValueError: If an argument is out of its range.
    """

    terms: ClassVar[tuple[str, ...]] = ('logit', 'local', 'global', 'contextual')

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        logit_weight: ScheduleConfig = 1.0,
        local_weight: ScheduleConfig = 100.0,
        global_weight: ScheduleConfig = 0.5,
        contextual_weight: ScheduleConfig = 10.0,
        temperature: ScheduleConfig = 4.0,
        global_temperature: ScheduleConfig = COARSE_TO_FINE,
        patch: int = 1,
        patch_form: str = 'pool',
        tokens_per_image: int = 8,
        max_tokens: int = 2048,
        num_neighbors: int = 9,
        sigma: float | str = 1.0,
        graph: str = 'own',
        softmax: str = 'all',
        max_contextual_tokens: int = 196,
        contextual_size: int | None = None,
        gather: bool = False,
        full_size: bool = False,
        mask_ignored: bool = True,
    ) -> None:
        weights = {'local': local_weight, 'global': global_weight, 'contextual': contextual_weight}
        super().__init__(weight, logit=logit_weight, **weights)
        self.temperature = build_schedule(temperature, 'TRG.temperature', positive=True)
        self.global_temperature = build_schedule(global_temperature, 'TRG.global_temperature', positive=True)
        self.reader = TokenReader(patch, patch_form, tokens_per_image, max_tokens)
        self.adaptive_width = _is_median(sigma)
        width = 1.0 if self.adaptive_width else sigma
        self.graph_loss = TokenGraphLoss(num_neighbors, width, graph, softmax, gather=gather)
        self.contrast_loss = TokenContrastLoss(gather=gather)
        self.contextual_loss = ContextualLoss()
        for name, value in (('max_contextual_tokens', max_contextual_tokens), ('contextual_size', contextual_size)):
            if value is not None and value < 1:
                raise ValueError(f'TRG has {name}={value}, but it must be at least 1: raise it.')
        self.max_contextual_tokens = max_contextual_tokens
        self.contextual_size = contextual_size
        self.logit_options = dict(mask_ignored=mask_ignored, full_size=full_size)

    def sources(self, term: str) -> tuple[str, ...]:
        """Logits or tokens."""
        return ('logits',) if term == 'logit' else ('tokens',)

    def check(self, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> None:
        """Raise an error in one sentence unless both networks have what the terms compare."""
        super().check(student, task, teacher)
        if any('tokens' in self.sources(term) for term in self.used_terms):
            self.reader.channels(student, task, teacher)

    def build_part(self, term: str, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> nn.Module | None:
        """The global term's linear layers from the student's tokens to the teacher's, one per level."""
        if term != 'global':
            return None
        return ModuleList(nn.Linear(own, other) for own, other in self.reader.channels(student, task, teacher))

    def compare(self, term: str, part: nn.Module | None, step: Step, lesson: 'Lesson') -> Tensor:
        """One term for one teacher, the mean over levels."""
        if term == 'logit':
            logits = step.task.comparable_logits(step, lesson.logits(), **self.logit_options)
            return logits.soft_target_loss(self.temperature.now())
        if term == 'contextual':
            pairs = self.reader.pairs(step, lesson)
            return _mean(self._contextual(level, pair, step, lesson) for level, pair in enumerate(pairs))
        tokens = [pair.sampled(sample) for pair, sample in self.reader.samples(step, lesson)]
        if term == 'local':
            return _mean(self._local(*level) for level in tokens)
        self.contrast_loss.temperature = self.global_temperature.now()
        return _mean(
            self.contrast_loss(_project(layer, own), other) for layer, (own, other) in zip(part, tokens, strict=True)
        )

    def _local(self, student: Tensor, teacher: Tensor) -> Tensor:
        if self.adaptive_width:
            self.graph_loss.sigma = median_distance(teacher, self.graph_loss.num_neighbors, self.graph_loss.gather)
        return self.graph_loss(student, teacher)

    def _contextual(self, level: int, pair: TokenPair, step: Step, lesson: 'Lesson') -> Tensor:
        if pair.count <= self.max_contextual_tokens:
            return pair.compare_images(self.contextual_loss)
        if self.contextual_size is not None:
            return pair.pooled(self.contextual_size).compare_images(self.contextual_loss)
        return pair.compare_images(self.contextual_loss, self.reader.samples(step, lesson)[level][1])


def _mean(values: Any) -> Tensor:
    values = list(values)
    return sum(values) / len(values)


def _project(layer: nn.Linear, tokens: Tensor) -> Tensor:
    # Similarities are computed in full precision, and so are the few tokens that enter them.
    with torch.autocast(tokens.device.type, enabled=False):
        return layer(tokens.to(layer.weight.dtype))


def _is_median(sigma: float | str) -> bool:
    if isinstance(sigma, str) and sigma != 'median':
        raise ValueError(f"TRG has sigma={sigma!r}, but it must be a number above 0 or 'median': choose one.")
    return sigma == 'median'
