"""DIST: class probabilities that correlate with a teacher's."""

from torch import Tensor

from mmkd.losses import ClassCorrelationLoss
from mmkd.methods.softmax_method import SoftmaxMethod
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig
from mmkd.step import Step
from mmkd.tasks.comparable import ComparableLogits


@MODELS.register_module()
class DIST(SoftmaxMethod):
    r"""The student's class probabilities correlate with a teacher's, over classes and over the batch.

    .. math::
        T^2 \big( \beta \, (1 - \mathrm{mean}_p \, \rho(q^s_{p \cdot}, q^t_{p \cdot}))
        + \gamma \, (1 - \mathrm{mean}_c \, \rho(q^s_{\cdot c}, q^t_{\cdot c})) \big)

    with Pearson's correlation :math:`\rho`, see :func:`mmkd.losses.class_correlation_loss`. The rows :math:`p` are
    images (classification), pixels of the whole batch that are not void, at the student's stride (segmentation), or the
    student's sampled proposals, background a class like the others (detection). One-stage detectors and box heads of
    sigmoids are refused: their classes do not sum to 1.

    Huang et al., `Knowledge Distillation from A Stronger Teacher <https://arxiv.org/abs/2205.10536>`_, NeurIPS 2022.
    The authors' code takes :math:`\beta = \gamma = 1` without a temperature for ImageNet and Cityscapes.

    Args:
        weight: Multiplies the term. Each weight, and the temperature, is a number or a schedule.
        inter_weight: :math:`\beta`, of the classes of a row.
        intra_weight: :math:`\gamma`, of the rows of a class.
        temperature: :math:`T`.

    Raises:
        TypeError: If a network has no softmax over classes.
    """

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        inter_weight: ScheduleConfig = 1.0,
        intra_weight: ScheduleConfig = 1.0,
        temperature: ScheduleConfig = 1.0,
    ) -> None:
        super().__init__(weight, temperature, inter_weight=inter_weight, intra_weight=intra_weight)
        self.loss = ClassCorrelationLoss()

    def difference(self, step: Step, logits: ComparableLogits) -> Tensor:
        """One minus the correlations."""
        return self.loss(logits.student, logits.teacher, logits.mask)
