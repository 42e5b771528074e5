"""DSR: the ranked shape of the output stays the same over the data."""

from typing import ClassVar

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.logging import MessageHub
from torch import Tensor, nn

from mmkd.losses import binary_soft_target_loss, ranked_shape_loss
from mmkd.losses.reduce import compute_dtype, connected_zero
from mmkd.methods.base import Method
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.tasks.base import Task

REFERENCES = ('previous', 'mean', 'ema')


@MODELS.register_module()
class DSR(Method):
    r"""The student's class probabilities, sorted, are compared with those of the batch before.

    .. math:: \beta \, T^2 KL(q \,\|\, \mathrm{sort}(\mathrm{softmax}(z / T)))

    where :math:`q` is constant and made of the logits of the preceding forward pass, with the weights of that moment.

    - ``reference='previous'``: row by row, as published. A batch of another size is compared with the mean of the rows.
    - ``'mean'``: the mean of the rows, which has the same expected gradient and less variance.
    - ``'ema'``: a moving average of such means.

    Classifiers give a row per image, segmentors one per valid pixel at the stride of the head, detectors one per
    positive location or proposal; these two always take the mean, as their rows have no counterparts. Where classes are
    sigmoids the divergence is that of one Bernoulli distribution per rank.

    At the first step there is no reference, and the term is 0; in a run by epochs the same holds for the first step of
    every epoch, as published. With accumulated gradients the preceding pass is that of the preceding micro-batch. With
    several processes a mean is that of all of them, while rows are compared within a process. The reference is saved
    with the model, so that a run resumes exactly (rows of other processes than the first start from those of the
    first).

    Wang et al., `Lightweight Self-Knowledge Distillation with Multi-source Information Fusion
    <https://arxiv.org/abs/2305.09183>`_, 2023.

    Args:
        weight: Multiplies the term. Each weight, and the temperature, is a number or a schedule.
        shape_weight: :math:`\beta`.
        temperature: :math:`T`.
        reference: ``'previous'``, ``'mean'`` or ``'ema'``.
        momentum: Share of the old reference in a moving average.

    Raises:
        ValueError: If ``reference`` or ``momentum`` is not legal.
        TypeError: If the student's logits have no known meaning.
    """

    terms: ClassVar[tuple[str, ...]] = ('shape',)

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        shape_weight: ScheduleConfig = 1.0,
        temperature: ScheduleConfig = 4.0,
        reference: str = 'previous',
        momentum: float = 0.9,
    ) -> None:
        super().__init__(weight, shape=shape_weight)
        if reference not in REFERENCES:
            raise ValueError(f'DSR has reference={reference!r}, but it must be one of {REFERENCES}: choose one.')
        if not 0 <= momentum < 1:
            raise ValueError(f'DSR has momentum={momentum}, but a number from 0 to below 1 is needed: 0.9 is usual.')
        self.temperature = build_schedule(temperature, 'DSR.temperature', positive=True)
        self.kind = reference
        self.momentum = momentum
        # A buffer would do if its size did not follow the batch: EMA copies buffers between equal sizes only.
        self.reference = torch.empty(0, 0)

    def get_extra_state(self) -> Tensor:
        """What a checkpoint keeps of the method: the ranked probabilities of the preceding step."""
        return self.reference

    def set_extra_state(self, state: Tensor) -> None:
        """Take up the reference of a checkpoint."""
        self.reference = state

    def attach(self, student: nn.Module, task: Task) -> None:
        """Check that the student's logits are known; there is nothing to build."""
        task.check_logits(student)

    def taps(self, task: Task) -> list[str]:
        """The logits, and what tells which of them count."""
        return [*task.taps('logits'), *task.head_taps()]

    def losses(self, step: Step) -> dict[str, Tensor]:
        """The divergence from the reference, which is then replaced by this step's."""
        logits, binary = step.task.decisive_logits(step)
        temperature = self.temperature.now()
        if self.reference.shape[1] != logits.shape[1]:
            # a student that goes on from a checkpoint with other classes
            self.reference = torch.empty(0, 0)
        rows_only = step.task.name != 'classification'
        value = self._divergence(logits, binary, temperature)
        self._remember(_ranked(logits.detach(), binary, temperature), self.kind != 'previous' or rows_only)
        return dict(loss_shape=self.term_weight('shape') * value)

    def _divergence(self, logits: Tensor, binary: bool, temperature: float) -> Tensor:
        reference = self.reference.to(logits.device)
        if not reference.numel() or not logits.shape[0] or _is_start_of_epoch():
            return connected_zero(logits)
        if reference.shape != logits.shape:
            reference = reference.mean(dim=0)
        if not binary:
            return ranked_shape_loss(logits, reference, temperature)
        ranked = logits.to(compute_dtype(logits)).sort(dim=1).values
        target = temperature * reference.clamp(1e-6, 1 - 1e-6).logit().expand_as(ranked)
        return binary_soft_target_loss(ranked, target, temperature=temperature)

    def _remember(self, ranked: Tensor, only_mean: bool) -> None:
        if only_mean:
            ranked = _mean_of_all_processes(ranked)
        if not ranked.shape[0]:
            return
        if self.kind == 'ema' and self.reference.numel() and not _is_start_of_epoch():
            ranked = self.momentum * self.reference.to(ranked.device) + (1 - self.momentum) * ranked
        self.reference = ranked


def _ranked(logits: Tensor, binary: bool, temperature: float) -> Tensor:
    scaled = logits.to(compute_dtype(logits)).sort(dim=1).values / temperature
    return scaled.sigmoid() if binary else scaled.softmax(dim=1)


def _mean_of_all_processes(rows: Tensor) -> Tensor:
    """The mean (1, C) of the rows of all processes, (0, C) if no process has any."""
    if get_world_size() == 1:
        return rows.mean(dim=0, keepdim=True) if rows.shape[0] else rows
    total = torch.cat([rows.sum(dim=0), rows.new_tensor([rows.shape[0]])])
    all_reduce(total)
    return (total[:-1] / total[-1]).unsqueeze(0) if total[-1] > 0 else rows[:0]


def _is_start_of_epoch() -> bool:
    hub = MessageHub.get_current_instance()
    iterations, epochs = hub.get_info('max_iters', None), hub.get_info('max_epochs', None)
    if not iterations or not epochs:
        return False
    return hub.get_info('iter', 0) % max(iterations // epochs, 1) == 0
