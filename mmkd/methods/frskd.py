"""FRSKD: feature refinement by a self-teacher."""

from typing import ClassVar

from mmengine.logging import print_log
from torch import Tensor, nn

from mmkd.losses import AttentionMapLoss, SoftTargetLoss
from mmkd.methods.base import Method
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.tasks.base import SOURCES, Task

DEFAULT = 'mmkd.BiFPNSelfTeacher'


@MODELS.register_module()
class FRSKD(Method):
    r"""A self-teacher refines the student's feature maps and labels, and both flow back.

    The self-teacher reads the student's feature maps :math:`F_i`, gives refined maps :math:`T_i` and logits
    :math:`z_t`, and is trained by the ground truth.
    With stop-gradient :math:`sg` and attention maps :math:`a` the student gets, on top of its own loss,

    .. math::
        \lambda \, CE(z_t, y) + \alpha \, T^2 KL(sg(z_t) / T \,\|\, z_s / T) + \beta \sum_i |a(F_i) - a(sg(T_i))|^2

    Distillation never reaches the self-teacher, but its cross entropy also trains the student's backbone, unless
    ``detach_input`` is set.
    At test time the self-teacher is gone.

    Ji et al., `Refine Myself by Teaching Myself: Feature Refinement via Self-Knowledge Distillation
    <https://arxiv.org/abs/2103.08273>`_, CVPR 2021.
    Every default is that of the published code for CIFAR-100; its segmentation code uses ``logit_weight=1,
    feature_weight=50, temperature=1`` on a ramp.

    Args:
        weight: Multiplies all terms. Each weight, and the temperature, is a number or a schedule.
        teacher_weight: :math:`\lambda`, the self-teacher's own loss.
        logit_weight: :math:`\alpha`, soft targets.
        feature_weight: :math:`\beta`, attention maps.
        temperature: :math:`T` of the soft targets.
        detach_input: Whether the self-teacher's loss is kept from the student's backbone. The published code lets it
            through.
        source: ``'backbone'`` (stages) or ``'neck'`` (levels): what is refined.
        self_teacher: Arguments of the network, by default :class:`mmkd.networks.BiFPNSelfTeacher`; ``head`` in it
            configures the segmentation head. ``in_channels`` and the number of classes are taken from the student.
        reduction: ``'mean'`` over positions (published), ``'sum'`` or ``'norm'``: how the attention maps of a level are
            compared. With ``'mean'`` a level weighs in inverse proportion to its area, so the deepest dominates.
        mask_ignored: Segmentation: whether void pixels are left out of the soft targets. The published code counts
            them.
        full_size: Segmentation: whether soft targets are compared at the size of the labels (published), or of the
            student's logits, which is cheaper.

    Raises:
        ValueError: If ``source`` is unknown, a weight is negative, or the student has no stages to refine.
        TypeError: If the method is not defined for the student's task.
    """

    terms: ClassVar[tuple[str, ...]] = ('teacher', 'logit', 'feature')
    trained_by: ClassVar[str | None] = 'teacher'

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        teacher_weight: ScheduleConfig = 1.0,
        logit_weight: ScheduleConfig = 2.0,
        feature_weight: ScheduleConfig = 100.0,
        temperature: ScheduleConfig = 4.0,
        detach_input: bool = False,
        source: str = 'backbone',
        self_teacher: dict | None = None,
        reduction: str = 'mean',
        mask_ignored: bool = False,
        full_size: bool = True,
    ) -> None:
        super().__init__(weight, teacher=teacher_weight, logit=logit_weight, feature=feature_weight)
        if source not in SOURCES:
            raise ValueError(
                f'FRSKD has source={source!r}, but it must be one of {SOURCES}: choose what the self-teacher refines.'
            )
        self.temperature = build_schedule(temperature, 'FRSKD.temperature', positive=True)
        self.source = source
        self.detach_input = detach_input
        self.mask_ignored = mask_ignored
        self.full_size = full_size
        self.self_teacher_config = dict(self_teacher or {})
        self.soft_target_loss = SoftTargetLoss()
        self.attention_map_loss = AttentionMapLoss(reduction=reduction)

    def attach(self, student: nn.Module, task: Task) -> None:
        """Build the self-teacher for the student's channels, and its head."""
        config = {'type': DEFAULT, **self.self_teacher_config}
        if config['type'] == DEFAULT:
            # Stages of a ResNet are rectified anyway; a transformer's are not, and nothing of them may be lost.
            config.setdefault('rectify_input', False)
        head = config.pop('head', None)
        config.setdefault('in_channels', task.feature_channels(student, self.source))
        self.self_teacher = MODELS.build(config)
        self.head = task.build_head(student, self.self_teacher.out_channels, head)
        if self.term_weights['teacher'].always_zero:
            self.self_teacher.requires_grad_(False)
            self.head.requires_grad_(False)
            print_log(
                'FRSKD has teacher_weight=0: the self-teacher stays as it was initialised.',
                logger='current',
                level=30,
            )

    def taps(self, task: Task) -> list[str]:
        """Feature maps, and logits where soft targets have a weight."""
        return task.taps(self.source) + ([] if self.term_weights['logit'].always_zero else task.taps('logits'))

    def losses(self, step: Step) -> dict[str, Tensor]:
        """Cross entropy of the self-teacher, soft targets and attention maps."""
        weights = {term: self.term_weight(term) for term in self.terms}
        features = step.features(self.source)
        maps, logits = self.refine(features)
        losses = {}
        if weights['teacher'] > 0:
            losses['loss_teacher'] = weights['teacher'] * step.task.head_loss(
                step.student, self.head, logits, step.data_samples
            )
        if weights['logit'] > 0:
            losses['loss_logit'] = weights['logit'] * self.compare_logits(step, logits.detach())
        if weights['feature'] > 0:
            losses['loss_feature'] = weights['feature'] * self.attention_map_loss(features, maps)
        return losses

    def refine(self, features: tuple[Tensor, ...]) -> tuple[list[Tensor], Tensor]:
        """Maps and logits of the self-teacher for the student's feature maps."""
        if self.detach_input:
            features = tuple(level.detach() for level in features)
        maps, logits = self.self_teacher(features)
        return maps, self.head(maps) if logits is None else logits

    def compare_logits(self, step: Step, teacher: Tensor) -> Tensor:
        """Soft targets of the self-teacher at the temperature of the moment."""
        self.soft_target_loss.temperature = self.temperature.now()
        return self.soft_target_loss(
            *step.task.comparable_logits(
                step.logits(), teacher, step.data_samples, mask_ignored=self.mask_ignored, full_size=self.full_size
            )
        )
