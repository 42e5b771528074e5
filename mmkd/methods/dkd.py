"""DKD: decoupled soft targets of a teacher."""

from torch import Tensor

from mmkd.losses import DecoupledSoftTargetLoss
from mmkd.methods.softmax_method import SoftmaxMethod
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig
from mmkd.step import Step
from mmkd.tasks.comparable import ComparableLogits


@MODELS.register_module()
class DKD(SoftmaxMethod):
    r"""How sure a teacher is of the labelled class, and how it ranks the other classes, are learned apart.

    .. math:: T^2 \big( \alpha \, KL(b_t \,\|\, b_s) + \beta \, KL(r_t \,\|\, r_s) \big)

    with the probabilities :math:`b` of the labelled class and of all others together, and :math:`r` of the other
    classes among themselves, see :func:`mmkd.losses.decoupled_soft_target_loss`. The mean over images
    (classification), over pixels that are not void, at the student's stride with the nearest labels (segmentation), or
    over the student's sampled proposals, where background is a class like the others (detection). One-stage detectors
    and box heads of sigmoids have no softmax for a label, and are refused. Labels that Mixup or CutMix have mixed count
    as the class with the largest share.

    Zhao et al., `Decoupled Knowledge Distillation <https://arxiv.org/abs/2203.08679>`_, CVPR 2022. The authors' code
    takes :math:`\alpha = 1, \beta = 8, T = 4` on CIFAR-100 (:math:`\beta` from 2 to 8 by the pair of networks) in
    a ramp over the first 20 of 240 epochs, :math:`\beta = 0.5, T = 1` on ImageNet, and :math:`\beta = 0.25, T = 1` for
    the proposals of Faster R-CNN on COCO. Segmentation is no part of the paper.

    Args:
        weight: Multiplies the term. Each weight, and the temperature, is a number or a schedule.
        target_weight: :math:`\alpha`.
        nontarget_weight: :math:`\beta`.
        temperature: :math:`T`.

    Raises:
        TypeError: If a network has no softmax over classes.
    """

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        target_weight: ScheduleConfig = 1.0,
        nontarget_weight: ScheduleConfig = 8.0,
        temperature: ScheduleConfig = 4.0,
    ) -> None:
        super().__init__(weight, temperature, target_weight=target_weight, nontarget_weight=nontarget_weight)
        self.loss = DecoupledSoftTargetLoss()

    def difference(self, step: Step, logits: ComparableLogits) -> Tensor:
        """The decoupled divergence at the labels of the batch."""
        return self.loss(logits.student, logits.teacher, step.task.logit_labels(step), logits.mask)
