"""FRSKD: feature refinement by a self-teacher."""

from typing import Any, ClassVar

from mmengine.logging import print_log
from torch import Tensor, nn

from mmkd.methods.base import Method
from mmkd.methods.feature_loss import FeatureLossConfig
from mmkd.registry import MODELS, told
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
        feature_weight: :math:`\beta`, attention maps. 0 is FRSKD\F of the paper.
        temperature: :math:`T` of the soft targets.
        detach_input: Whether the self-teacher's loss is kept from the student's backbone. The published code lets it
            through.
        source: ``'backbone'`` (stages) or ``'neck'`` (levels): what is refined.
        self_teacher: Arguments of the network, by default :class:`mmkd.networks.BiFPNSelfTeacher`; ``head`` in it
            configures the segmentation head. ``in_channels`` and the number of classes are taken from the student.
        reduction: ``'mean'`` over positions (published), ``'sum'`` or ``'norm'``: how the attention maps of a level are
            compared. With ``'mean'`` a level weighs in inverse proportion to its area, so the deepest dominates.
        feature_loss: Config of another loss of feature maps: ``mmkd.FitNetLoss`` or ``mmkd.OverhaulLoss``, whose
            ``in_channels`` and ``out_channels`` are taken from student and self-teacher, or ``mmkd.AttentionMapLoss``
            with arguments of its own, which is the default.
        mask_ignored: Segmentation: whether void pixels are left out of the soft targets. The published code counts
            them.
        full_size: Segmentation: whether soft targets are compared at the size of the labels (published), or of the
            student's logits, which is cheaper.
        share_head: Detection: whether the self-teacher uses the student's own head, which its loss then trains too,
            instead of a second one.
        box_weight: Detection: knowledge of boxes at positives, by default none: the divergence of distance
            distributions (GFL), or 1 - GIoU to the self-teacher's boxes.

    Raises:
        ValueError: If ``source`` is unknown, a weight is negative, or the student has no stages to refine.
        TypeError: If the method is not defined for the student's task.
    """

    terms: ClassVar[tuple[str, ...]] = ('teacher', 'logit', 'feature', 'box')
    trained_by: ClassVar[dict[str, tuple[str, ...]]] = dict(
        teacher=('self_teacher', 'head'), feature=('feature_loss',)
    )

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
        feature_loss: dict | None = None,
        mask_ignored: bool = False,
        full_size: bool = True,
        share_head: bool = False,
        box_weight: ScheduleConfig = 0.0,
    ) -> None:
        super().__init__(
            weight, teacher=teacher_weight, logit=logit_weight, feature=feature_weight, box=box_weight
        )
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
        self.share_head = share_head
        self.feature_loss_config = FeatureLossConfig(feature_loss, reduction)
        self.feature_loss = None
        self.compared = source

    def attach(self, student: nn.Module, task: Task) -> None:
        """Build the self-teacher for the student's channels, its head, and the loss of feature maps."""
        self._check(student, task)
        compares_features = not self.term_weights['feature'].always_zero
        if compares_features:
            self.compared = self.feature_loss_config.place(task, self.source)
        config = dict(self.self_teacher_config)
        head = config.pop('head', None)
        self.self_teacher = self._build_self_teacher(config, student, task)
        if compares_features:
            channels = task.feature_channels(student, self.compared)
            self.feature_loss = self.feature_loss_config.build(channels, self.self_teacher.out_channels)
        self.head = None
        if self.share_head:
            task.check_shared_head(student, self.self_teacher.out_channels)
        else:
            self.head = task.build_head(student, self.self_teacher.out_channels, head)
        if self.term_weights['teacher'].always_zero:
            self._freeze()

    def _build_self_teacher(self, config: dict, student: nn.Module, task: Task) -> nn.Module:
        config = {'type': DEFAULT, 'in_channels': task.feature_channels(student, self.source), **config}
        if config['type'] == DEFAULT:
            # Stages of a ResNet are rectified anyway; a transformer's are not, and nothing of them may be lost.
            config = {'rectify_input': False, 'width': task.self_teacher_width, **config}
        if self.compared == 'preactivation':
            config = self.feature_loss_config.unrectified(config)
        with told('The self-teacher of FRSKD'):
            return MODELS.build(config)

    def _freeze(self) -> None:
        for part in filter(None, (self.self_teacher, self.head)):
            part.requires_grad_(False)
        print_log(
            'FRSKD has teacher_weight=0: the self-teacher stays as it was initialised.', logger='current', level=30
        )

    def _check(self, student: nn.Module, task: Task) -> None:
        if not self.term_weights['logit'].always_zero:
            task.check_logits(student)
        if not self.term_weights['box'].always_zero:
            task.check_boxes(student)

    def taps(self, task: Task) -> list[str]:
        """Feature maps, what the head needs, and logits where soft targets have a weight."""
        logits = [] if self.term_weights['logit'].always_zero else task.taps('logits')
        return [*task.taps(self.source), *task.taps(self.compared), *task.head_taps(), *logits]

    def losses(self, step: Step) -> dict[str, Tensor]:
        """The self-teacher's own loss, soft targets, feature maps and boxes."""
        weights = {term: self.term_weight(term) for term in self.terms}
        maps, output = self.refined(step)
        temperature = self.temperature.now()
        compute = dict(
            teacher=lambda: step.task.head_loss(step, self.head, output),
            logit=lambda: step.task.comparable_logits(
                step, output, self.mask_ignored, self.full_size
            ).soft_target_loss(temperature),
            feature=lambda: self.compare_features(step, maps),
            box=lambda: step.task.box_loss(step, output, temperature),
        )
        return {f'loss_{term}': weight * compute[term]() for term, weight in weights.items() if weight > 0}

    def refined(self, step: Step) -> tuple[list[Tensor], Any]:
        """Maps of the self-teacher and what its head makes of them, the same for every method that asks in a step."""
        return step.once(self, lambda: self.refine(step))

    def refine(self, step: Step) -> tuple[list[Tensor], Any]:
        """Maps and head output of the self-teacher for the student's feature maps."""
        maps, logits = self.read(step.features(self.source))
        if logits is not None:
            return maps, logits
        read = [level.relu() for level in maps] if self.compared == 'preactivation' else maps
        return maps, step.task.head_output(step, self.head, read)

    def read(self, features: tuple[Tensor, ...]) -> tuple[list[Tensor], Tensor | None]:
        """Maps of the self-teacher for any feature maps of the student, and logits if it has a classifier itself."""
        if self.detach_input:
            features = tuple(level.detach() for level in features)
        return self.self_teacher(features)

    def compare_features(self, step: Step, maps: list[Tensor]) -> Tensor:
        """The feature loss; padding does not count where the loss knows masks."""
        features = step.features(self.compared)
        masks = step.task.valid_positions(step, maps)
        return self.feature_loss(features, maps) if masks is None else self.feature_loss(features, maps, masks)
