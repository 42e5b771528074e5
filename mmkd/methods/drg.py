"""DRG: reverse guidance, an early stage teaches the output."""

import dataclasses
from typing import Any, ClassVar

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.methods.base import Method
from mmkd.networks.levels_from_stage import LevelsFromStage
from mmkd.networks.reverse_guidance_head import ReverseGuidanceHead
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.tasks.base import Task
from mmkd.tasks.comparable import ComparableLogits


@MODELS.register_module()
class DRG(Method):
    r"""A light head on an early stage learns the task, and its soft targets teach the student's own output.

    With the head's logits :math:`a`, the student's :math:`z` and stop-gradient :math:`sg`

    .. math:: \lambda \, CE(a, y) + \alpha \, T^2 KL(sg(a) / T \,\|\, z / T)

    is added to the student's own loss. The head is trained by its own loss alone, which also trains the stages below.

    - Classification: :class:`mmkd.networks.ReverseGuidanceHead`, as published, on the second stage.
    - Segmentation (ours): mmseg's ``SegformerHead`` on the one stage; soft targets at valid pixels of the student's
      stride.
    - Detection (ours): the stage, brought to channels and sizes of the neck's levels, is read by a head like the
      student's; soft targets per location or proposal, weighted by the confidence of that head.

    Wang et al., `Lightweight Self-Knowledge Distillation with Multi-source Information Fusion
    <https://arxiv.org/abs/2305.09183>`_, 2023. Every default is that of the published code.

    Args:
        weight: Multiplies all terms. Each weight, and the temperature, is a number or a schedule.
        head_weight: :math:`\lambda`, the loss of the head.
        logit_weight: :math:`\alpha`, soft targets.
        temperature: :math:`T`.
        stage: Index of the backbone stage that the head reads, 0 the first.
        gate: Classification: whether the head has its gate.
        confidence: Only what the head is at least so sure of (its highest probability, 0 to 1) is taught. The published
            code has no such gate.
        head: Segmentation and detection: config of another head.

    Raises:
        ValueError: If the student has no such stage or ``confidence`` is not between 0 and 1.
        TypeError: If the student's logits cannot be compared.
    """

    terms: ClassVar[tuple[str, ...]] = ('head', 'logit')
    trained_by: ClassVar[dict[str, tuple[str, ...]]] = dict(head=('head', 'levels'))

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        head_weight: ScheduleConfig = 1.0,
        logit_weight: ScheduleConfig = 0.2,
        temperature: ScheduleConfig = 4.0,
        stage: int = 1,
        gate: bool = True,
        confidence: float = 0.0,
        head: dict | None = None,
    ) -> None:
        super().__init__(weight, head=head_weight, logit=logit_weight)
        if not 0 <= confidence <= 1:
            raise ValueError(f'DRG has confidence={confidence}, but a probability is needed: choose one from 0 to 1.')
        self.temperature = build_schedule(temperature, 'DRG.temperature', positive=True)
        self.stage = stage
        self.gate = gate
        self.confidence = confidence
        self.head_config = head
        self.head: nn.Module | None = None
        self.levels: BaseModule | None = None

    def attach(self, student: nn.Module, task: Task) -> None:
        """Build the head, and what brings the stage to the levels that it reads."""
        if not self.term_weights['logit'].always_zero:
            task.check_logits(student)
        channels = task.feature_channels(student, 'backbone', least=1)
        if not 0 <= self.stage < len(channels):
            raise ValueError(
                f'DRG has stage={self.stage}, but the backbone of the student gives {len(channels)} stages: choose one '
                f'of 0 to {len(channels) - 1}, or more out_indices.'
            )
        own = channels[self.stage]
        if task.name == 'classification':
            self.head = ReverseGuidanceHead(own, task.num_classes(student), self.gate)
        elif task.name == 'detection':
            self.levels = LevelsFromStage(own, task.feature_channels(student, 'neck'))
            self.head = task.build_head(student, self.levels.out_channels, self.head_config)
        else:
            self.head = task.build_head(student, [own], self.head_config)

    def taps(self, task: Task) -> list[str]:
        """The stages, the neck where the head reads levels, and the logits."""
        neck = task.taps('neck') if self.levels is not None else []
        return [*task.taps('backbone'), *neck, *task.head_taps(), *task.taps('logits')]

    def losses(self, step: Step) -> dict[str, Tensor]:
        """The loss of the head, and its soft targets."""
        weights = {term: self.term_weight(term) for term in self.terms}
        output = self.guide(step)
        compute = dict(
            head=lambda: step.task.head_loss(step, self.head, output), logit=lambda: self.compare(step, output)
        )
        return {f'loss_{term}': weight * compute[term]() for term, weight in weights.items() if weight > 0}

    def guide(self, step: Step) -> Any:
        """What the head makes of the early stage."""
        feat = step.features('backbone')[self.stage]
        if step.task.name == 'classification':
            return self.head(feat)
        maps = [feat] if self.levels is None else self.levels(feat, step.features('neck'))
        return step.task.head_output(step, self.head, maps)

    def compare(self, step: Step, output: Any) -> Tensor:
        """Soft targets of what the head is sure enough of."""
        logits = step.task.comparable_logits(step, output, mask_ignored=True, full_size=False)
        if self.confidence > 0:
            logits = _confident(logits, self.confidence)
        return logits.soft_target_loss(self.temperature.now())


def _confident(logits: ComparableLogits, least: float) -> ComparableLogits:
    scores = logits.teacher.float()
    sure = (scores.sigmoid() if logits.binary else scores.softmax(dim=1)).amax(dim=1) >= least
    if logits.weight is not None:
        return dataclasses.replace(logits, weight=logits.weight * sure)
    mask = sure if logits.mask is None else torch.logical_and(sure, logits.mask)
    return dataclasses.replace(logits, mask=mask)
