"""SLA: self-supervised label augmentation by rotation."""

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from mmkd.losses import SoftTargetLoss
from mmkd.methods.base import Method
from mmkd.methods.frskd import FRSKD
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.tasks.base import Task

ROTATIONS = 4


@MODELS.register_module()
class SLA(Method):
    r"""A joint classifier of class and rotation teaches the student, and a self-teacher beside it.

    Every image :math:`x` is turned by :math:`r = 0 .. 3` quarter turns to :math:`x_r`. A linear classifier of 4 K
    classes reads what the student's classifier reads, gives joint logits :math:`z(x_r)`, and learns the labels
    :math:`4 y + r`; their aggregate :math:`\bar z_k = \frac{1}{4} \sum_r z_{4k + r}(x_r)` teaches the student's logits
    :math:`z_s` of the image as it is. With stop-gradient :math:`sg`

    .. math::
        \lambda_{joint} \, CE(z(x_r), 4 y + r) + \lambda_{logit} \, T^2 KL(sg(\bar z) / T \,\|\, z_s / T)

    is added to the student's own loss, the cross entropy being a mean over all 4 N images. Labels that Mixup or CutMix
    have mixed become mixed joint labels. The turned images are a second batch of 4 N images through the backbone, so
    that a step costs five forward passes per image, and batch norm sees them apart from the student's own batch.

    With ``self_teacher`` the self-teacher of an FRSKD beside it gets a joint classifier too, on the global average of
    its deepest map, and both terms are those of the student plus those of the self-teacher. FRSKD's terms stay as they
    are. That differs from FRSKD's code, which goes on to distil the aggregated logits and the turned images' maps as
    well, in one batch with the others (2 N logits, 5 N maps): there a weight means something else with SLA than
    without, here it does not.

    Papers: `Self-supervised Label Augmentation via Input Transformations <https://arxiv.org/abs/1910.05872>`_,
    `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        weight: Multiplies all terms. Each weight, and the temperature, is a number or a schedule.
        joint_weight: :math:`\lambda_{joint}`.
        logit_weight: :math:`\lambda_{logit}`.
        temperature: :math:`T`.
        self_teacher: Name of an FRSKD among the methods.

    Raises:
        TypeError: If the student is no classifier.
        ValueError: If ``self_teacher`` names no FRSKD that is on, or a batch has images that are not square.
    """

    terms: ClassVar[tuple[str, ...]] = ('joint', 'logit')
    trained_by: ClassVar[dict[str, tuple[str, ...]]] = dict(joint=('head', 'teacher_head'))

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        joint_weight: ScheduleConfig = 1.0,
        logit_weight: ScheduleConfig = 1.0,
        temperature: ScheduleConfig = 4.0,
        self_teacher: str | None = None,
    ) -> None:
        super().__init__(weight, joint=joint_weight, logit=logit_weight)
        self.temperature = build_schedule(temperature, 'SLA.temperature', positive=True)
        self.soft_target_loss = SoftTargetLoss()
        self.self_teacher_name = self_teacher
        self.source: str | None = None
        self.teacher_head: nn.Module | None = None

    def attach(self, student: nn.Module, task: Task) -> None:
        """Build the student's joint classifier."""
        if task.name != 'classification':
            raise TypeError(
                f'SLA turns images and learns one label of each, but the student is a {task.name} model: use it with a '
                f'classifier.'
            )
        self.num_classes = task.num_classes(student)
        self.head = self._joint_head(task.embedding_channels(student))

    def meet(self, methods: Mapping[str, Method]) -> None:
        """Build the joint classifier of the self-teacher."""
        if self.self_teacher_name is None:
            return
        teacher = methods.get(self.self_teacher_name)
        if not isinstance(teacher, FRSKD):
            raise ValueError(
                f'SLA has self_teacher={self.self_teacher_name!r}, but the methods that are on are {list(methods)}: '
                f'name an FRSKD among them, or leave it out.'
            )
        self.source = teacher.source
        self.teacher_head = self._joint_head(teacher.self_teacher.out_channels[-1])

    def taps(self, task: Task) -> list[str]:
        """The student's logits, and what the self-teacher refines."""
        logits = [] if self.term_weights['logit'].always_zero else task.taps('logits')
        return [*logits, *(task.taps(self.source) if self.source else [])]

    def losses(self, step: Step) -> dict[str, Tensor]:
        """Cross entropy of the joint classifiers, and soft targets of their aggregates."""
        weights = {term: self.term_weight(term) for term in self.terms}
        joint = self.joint_logits(step)
        losses = {}
        if weights['joint'] > 0:
            labels = joint_labels(step.targets(), self.num_classes)
            losses['loss_joint'] = weights['joint'] * sum(F.cross_entropy(logits, labels) for logits in joint)
        if weights['logit'] > 0:
            self.soft_target_loss.temperature = self.temperature.now()
            losses['loss_logit'] = weights['logit'] * sum(
                self.soft_target_loss(own, aggregate(logits))
                for own, logits in zip(self.single_logits(step), joint, strict=True)
            )
        return losses

    def joint_logits(self, step: Step) -> list[Tensor]:
        """Logits (4 N, 4 K) of the turned images: the student's, and the self-teacher's if there is one."""
        embedding, features = step.task.embed(step.student, quarter_turns(step.inputs), self.source)
        joint = [self.head(embedding)]
        if self.teacher_head is not None:
            maps, _ = self._self_teacher(step).read(features)
            joint.append(self.teacher_head(maps[-1].relu().mean(dim=(2, 3))))
        return joint

    def single_logits(self, step: Step) -> list[Tensor]:
        """Logits (N, K) of the images as they are: the student's, and the self-teacher's if there is one."""
        teacher = [] if self.teacher_head is None else [self._self_teacher(step).refined(step)[1]]
        return [step.logits(), *teacher]

    def _self_teacher(self, step: Step) -> FRSKD:
        # Not kept as an attribute, where it would be a part of this method too.
        return step.student.distill.methods[self.self_teacher_name]

    def _joint_head(self, channels: int) -> nn.Linear:
        head = nn.Linear(channels, ROTATIONS * self.num_classes)
        if self.term_weights['joint'].always_zero:
            head.requires_grad_(False)
            print_log('SLA has joint_weight=0: its classifier stays as it was initialised.', 'current', level=30)
        return head


def quarter_turns(images: Tensor) -> Tensor:
    """Images (N, C, H, H) turned by 0, 1, 2 and 3 quarter turns, (4 N, C, H, H): the four of an image in a row.

    Raises:
        ValueError: If the images are not square.
    """
    if images.shape[-2] != images.shape[-1]:
        raise ValueError(
            f'SLA turns images by quarter turns, but those of the batch have the size '
            f'{images.shape[-2]}x{images.shape[-1]}: crop or resize them to squares in the pipeline.'
        )
    return torch.stack([images.rot90(turns, (2, 3)) for turns in range(ROTATIONS)], dim=1).flatten(0, 1)


def joint_labels(targets: Tensor, num_classes: int) -> Tensor:
    """Labels of the turned images: 4 y + r, (4 N,), of labels y (N,), or scores (4 N, 4 K) of scores (N, K)."""
    turns = torch.arange(ROTATIONS, device=targets.device)
    if targets.dim() == 1:
        return (ROTATIONS * targets[:, None] + turns).flatten()
    one_hot = torch.eye(ROTATIONS, dtype=targets.dtype, device=targets.device)
    return torch.einsum('nk,rt->nrkt', targets, one_hot).reshape(-1, ROTATIONS * num_classes)


def aggregate(joint: Tensor) -> Tensor:
    """Logits (N, K) of an image: the mean over its turns r of the joint logits (4 N, 4 K) of 4 k + r."""
    by_turn = joint.view(-1, ROTATIONS, joint.shape[1] // ROTATIONS, ROTATIONS)
    return by_turn.diagonal(dim1=1, dim2=3).mean(dim=-1)
