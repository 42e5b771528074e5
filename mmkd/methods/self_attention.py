"""SelfAttention: a stage learns to look where the next one looks."""

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mmkd.losses import AttentionMapLoss
from mmkd.losses.reduce import compute_dtype
from mmkd.losses.sum_of_squares import sum_of_squares
from mmkd.methods.base import Method
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig
from mmkd.step import Step
from mmkd.tasks.base import SOURCES, Task


@MODELS.register_module()
class SelfAttention(Method):
    r"""Attention flows from deep to shallow inside one network: every stage learns the attention of the next one.

    .. math:: \sum_{l < L} \mathrm{reduce} \, (a(e_l) - sg(a(\mathrm{resize}(e_{l + 1}))))^2, \quad
        e_l = \frac{1}{C} \sum_c F_{l, c}^2

    with the normalisation :math:`a`, by default the softmax over positions. The energy :math:`e` of the next stage is
    resized bilinearly to the size of the present one before it is normalised, and is no target of its own gradient
    (:math:`sg`). ENet-SAD sums the squares over channels instead of averaging them, which makes wide stages peaked.

    Hou et al., `Learning Lightweight Lane Detection CNNs by Self Attention Distillation
    <https://arxiv.org/abs/1908.00821>`_, ICCV 2019. Its authors switch the term on when the network has learned
    something, so our configs use a ramp that begins late.

    Args:
        weight: Multiplies the term, a number or a schedule.
        attention_weight: The weight of the term, a number or a schedule; 0.1 in ENet-SAD.
        source: ``'backbone'`` stages or ``'neck'`` levels.
        stages: Indices of the stages that take part, by default all; each learns from the next one of them.
        normalize: ``'softmax'``, ``'l2'`` or ``'zscore'``, see :class:`mmkd.losses.AttentionMapLoss`.
        reduction: ``'mean'``, ``'sum'`` or ``'norm'``, see there.

    Raises:
        ValueError: If an argument is not legal or the student gives fewer than two maps.
    """

    terms: ClassVar[tuple[str, ...]] = ('attention',)

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        attention_weight: ScheduleConfig = 0.1,
        source: str = 'backbone',
        stages: Sequence[int] | None = None,
        normalize: str = 'softmax',
        reduction: str = 'sum',
    ) -> None:
        super().__init__(weight, attention=attention_weight)
        if source not in SOURCES:
            raise ValueError(f'SelfAttention has source={source!r}, but it must be one of {SOURCES}: choose one.')
        if stages is not None and len(stages) < 2:
            raise ValueError(f'SelfAttention has stages={list(stages)}, but a stage needs a next one: name two.')
        self.source = source
        self.stages = stages
        # What it is given is an energy already, with one channel.
        self.loss = AttentionMapLoss(normalize=normalize, reduction=reduction, power=1)

    def attach(self, student: nn.Module, task: Task) -> None:
        """Check that there are stages enough; there is nothing to build."""
        count = len(task.feature_channels(student, self.source))
        if self.stages is not None and not all(-count <= stage < count for stage in self.stages):
            raise ValueError(
                f'SelfAttention has stages={list(self.stages)}, but the {self.source} of the student gives {count} '
                f'maps: choose among 0 to {count - 1}.'
            )

    def taps(self, task: Task) -> list[str]:
        """The stages."""
        return task.taps(self.source)

    def losses(self, step: Step) -> dict[str, Tensor]:
        """Differences of attention of every stage and the next one."""
        maps = step.features(self.source)
        chosen = maps if self.stages is None else [maps[stage] for stage in self.stages]
        energies = [self._energy(level) for level in chosen]
        own = energies[:-1]
        targets = [_resized(deeper.detach(), level) for level, deeper in zip(own, energies[1:], strict=True)]
        value = self.loss(own, targets, step.task.valid_positions(step, own))
        return dict(loss_attention=self.term_weight('attention') * value)

    def _energy(self, level: Tensor) -> Tensor:
        if self.loss.normalize == 'zscore':
            return level.sum(dim=1, keepdim=True, dtype=compute_dtype(level))
        return sum_of_squares(level).unsqueeze(1) / level.shape[1]


def _resized(deeper: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    return deeper if deeper.shape[-2:] == size else F.interpolate(deeper, size, mode='bilinear', align_corners=False)
