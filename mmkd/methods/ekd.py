"""EKD: the nets of one network of dynamic depth learn from the full one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

from torch import Tensor, nn

from mmkd.losses.attention_map import NORMALIZATIONS, attention_map_loss
from mmkd.methods.base import Method
from mmkd.methods.subnet_sampler import SubnetSampler
from mmkd.networks.dynamic_depth import DynamicDepth
from mmkd.networks.private_norms import PrivateNorms, batch_norms
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.taps import Taps
from mmkd.tasks.base import Task


@MODELS.register_module()
class EKD(Method):
    r"""Full net and sub-nets of a network of dynamic depth are trained together, and the full net teaches the others.

    The student's backbone is a :class:`mmkd.networks.DynamicDepthResNet` or ``DynamicDepthVGG``. With the full net
    :math:`f`, its logits :math:`z_f` and stage maps :math:`F_f`, every sub-net :math:`k` adds

    .. math:: w_{ce} \, L(k) + w_{kl} \, T^2 KL(sg(z_f) / T \,\|\, z_k / T) +
        w_{att} \, \frac{1}{|S|} \sum_{l \in S} \mathrm{mean} (A(F_k^l) - sg(A(F_f^l)))^2

    to the student's own loss, which is that of the full net: the task's loss :math:`L`, soft targets, and the
    attention :math:`A` (the sum over channels, standardised over positions) of the stages. Where the sub-nets have
    batch norms of their own, so they have in neck and head; all other weights are shared.

    - Segmentation: soft targets at pixels that are not void, at the stride of the head.
    - Detection: soft targets per location or proposal, binary where classes are sigmoids, weighted by the full net's
      highest foreground probability. Every net gets the assignment, and the proposals, of the full one.

    `Embedded Knowledge Distillation in Depth-Level Dynamic Neural Network <https://arxiv.org/abs/2103.00793>`_, 2021.
    It has no public code: attention map and soft targets are those of its authors' `sibling
    <https://github.com/cv516Buaa/EKD-FWSNet>`_, the rest is our choice. ``logit_weight`` is for CIFAR-100; 1.5 for
    CIFAR-10 and 0.1 for ImageNet are the sibling's.

    Args:
        weight: Multiplies all terms. Each weight, and the temperature, is a number or a schedule.
        subnet_weight: :math:`w_{ce}`; ``'mean'`` is 1 divided by the number of sub-nets.
        logit_weight: :math:`w_{kl}`.
        attention_weight: :math:`w_{att}`.
        temperature: :math:`T`.
        detach_teacher: Whether the full net is left alone by the terms that it teaches.
        sample: The sub-nets of a step: ``'all'``, ``'random:n'``, or ``'sandwich:n'``, the smallest and ``n`` others.
        normalize: Attention: ``'zscore'``, or ``'l2'`` or ``'softmax'`` of the mean of squares, see
            :class:`mmkd.losses.AttentionMapLoss`.
        stages: Indices of the stages whose attention is compared, by default all that the backbone returns.
        lean: Whether nets are propagated back one by one, which takes the memory of the largest instead of all and
            gives the same gradients.

    Raises:
        TypeError: If the backbone has no sub-nets, or the student's logits cannot be compared.
        ValueError: If an argument is not legal.
    """

    terms: ClassVar[tuple[str, ...]] = ('task', 'logit', 'attention')

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        subnet_weight: ScheduleConfig | str = 1.0,
        logit_weight: ScheduleConfig = 0.6,
        attention_weight: ScheduleConfig = 1.0,
        temperature: ScheduleConfig = 3.0,
        detach_teacher: bool = True,
        sample: str = 'all',
        normalize: str = 'zscore',
        stages: Sequence[int] | None = None,
        lean: bool = False,
    ) -> None:
        self.shares_weight = subnet_weight == 'mean'
        task_weight = 1.0 if self.shares_weight else subnet_weight
        # told by the name that the config has for it
        build_schedule(task_weight, 'EKD.subnet_weight')
        super().__init__(weight, task=task_weight, logit=logit_weight, attention=attention_weight)
        self.temperature = build_schedule(temperature, 'EKD.temperature', positive=True)
        if normalize not in NORMALIZATIONS:
            raise ValueError(f'EKD has normalize={normalize!r}, but it must be one of {NORMALIZATIONS}: choose one.')
        if lean and not detach_teacher:
            raise ValueError(
                'EKD has lean=True and detach_teacher=False, but a full net that learns from the sub-nets cannot be '
                'propagated back before them: choose one.'
            )
        self.detach_teacher = detach_teacher
        self.sampler = SubnetSampler(sample)
        self.normalize = normalize
        self.stages = stages
        self.lean = lean
        self.sampled: list[str] = []

    def attach(self, student: nn.Module, task: Task) -> None:
        """Give the sub-nets their batch norms outside of the backbone."""
        backbone = getattr(student, 'backbone', None)
        if not isinstance(backbone, DynamicDepth):
            raise TypeError(
                f'EKD trains the sub-nets of a backbone, but {type(backbone).__name__} has none: use '
                "dict(type='mmkd.DynamicDepthResNet', depth=…, subnets=dict(NAME=(…)))."
            )
        if not self.term_weights['logit'].always_zero:
            task.check_logits(student)
        if not self.term_weights['attention'].always_zero:
            self._check_stages(len(task.feature_channels(student, 'backbone', least=1)))
        self.sampler.check(len(backbone.subnets))
        others = [path for path in batch_norms(student) if not path.startswith('backbone.')]
        self.norms = PrivateNorms(dict.fromkeys(backbone.subnets, others), student, backbone.norm)

    def taps(self, task: Task) -> list[str]:
        """Logits and stages as far as their terms are on, and the assignment."""
        return list(dict.fromkeys([*task.assignment_taps(), *self._compared_taps(task)]))

    def losses(self, step: Step) -> dict[str, Tensor]:
        """The terms of all sampled sub-nets, by ``<subnet>.loss_<term>``."""
        backbone = step.student.backbone
        self._check_norms(backbone)
        self.sampled = self.sampler.draw(backbone.subnets)
        losses: dict[str, Tensor] = {}
        for name in self.sampled:
            terms = self._terms(name, step)
            losses.update(terms if step.gradients is None else step.gradients.collect(terms))
        return losses

    def idle_parameters(self, student: nn.Module) -> list[nn.Parameter]:
        """What belongs to sub-nets that are not trained at the present moment."""
        sampled = self.sampled if self.is_active() else []
        return [
            parameter
            for norms in (student.backbone.private_norms, self.norms)
            for name, own in norms.items()
            if name not in sampled
            for parameter in own.parameters()
            if parameter.requires_grad
        ]

    def start_from(self, state_dict: Mapping[str, Tensor], prefix: str) -> None:
        """Let every sub-net start with the norms of neck and head in the checkpoint of a plain student."""
        self.norms.start_from(state_dict, prefix)

    @contextmanager
    def as_subnet(self, student: nn.Module, name: str) -> Iterator[None]:
        """A context in which the student is one of its nets, in all its parts."""
        with student.backbone.as_subnet(name), self.norms.active(name, student):
            yield

    def _terms(self, name: str, step: Step) -> dict[str, Tensor]:
        own, task_loss = self._run(name, step)
        share = len(step.student.backbone.subnets) if self.shares_weight else 1
        compute = dict(
            task=lambda: task_loss / share,
            logit=lambda: self._compare_logits(own, step),
            attention=lambda: self._compare_attention(own, step),
        )
        weights = {term: self.term_weight(term) for term in self.terms}
        terms = {
            f'{name}.loss_{term}': weight * compute[term]() for term, weight in weights.items() if weight > 0
        }
        own.record.release()
        return terms

    def _run(self, name: str, step: Step) -> tuple[Step, Tensor]:
        """The step of a sub-net on the same batch, and its loss."""
        student, task = step.student, step.task
        with self.as_subnet(student, name), task.same_assignment(step), task.loss_of_views(student, step.data_samples):
            with Taps(student, self._compared_taps(task)) as record:
                losses = student.plain_loss(step.inputs, step.data_samples)
        return Step(student, task, record, step.data_samples, step.inputs), student.parse_losses(losses)[0]

    def _compare_logits(self, own: Step, full: Step) -> Tensor:
        output = full.task.own_output(full)
        logits = own.task.comparable_logits(own, output, mask_ignored=True, full_size=False)
        return logits.soft_target_loss(self.temperature.now(), self.detach_teacher)

    def _compare_attention(self, own: Step, full: Step) -> Tensor:
        maps, targets = self._chosen_maps(own), self._chosen_maps(full)
        masks = own.task.valid_positions(own, maps)
        total = attention_map_loss(maps, targets, self.normalize, mask=masks, detach=self.detach_teacher)
        # a single position has no spread to be standardised by, so that the loss leaves such maps out
        counted = [level for level in maps if self.normalize != 'zscore' or level.shape[2] * level.shape[3] > 1]
        return total / max(len(counted), 1)

    def _chosen_maps(self, step: Step) -> list[Tensor]:
        maps = step.features('backbone')
        return list(maps) if self.stages is None else [maps[stage] for stage in self.stages]

    def _compared_taps(self, task: Task) -> list[str]:
        logits = [*task.head_taps(), *task.taps('logits')] if self.term_weight('logit') > 0 else []
        return [*logits, *(task.taps('backbone') if self.term_weight('attention') > 0 else [])]

    def _check_stages(self, count: int) -> None:
        if self.stages is not None and not all(-count <= stage < count for stage in self.stages):
            raise ValueError(
                f'EKD has stages={list(self.stages)}, but the backbone of the student gives {count} maps: choose among '
                f'0 to {count - 1}.'
            )

    def _check_norms(self, backbone: nn.Module) -> None:
        if getattr(backbone, 'norm_eval', False) and backbone.private_norms.equal(backbone):
            raise ValueError(
                'norm_eval=True keeps the running statistics of the batch norms, but those of the sub-nets are still '
                'copies of those of the full net: set norm_eval=False, or start from a trained network of dynamic '
                'depth.'
            )
