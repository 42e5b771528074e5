"""Methods of mmkd that are more than one loss, as scalars of tensors."""

from types import SimpleNamespace

from torch import Tensor, nn

from mmkd import losses
from mmkd.methods.self_attention import SelfAttention
from mmkd.networks import ReverseGuidanceHead


class OurDRG(nn.Module):
    """The head of ``mmkd.DRG`` and its two terms."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.head = ReverseGuidanceHead(channels, num_classes)
        self.loss = losses.SoftTargetLoss(4.0)

    def forward(self, stage: Tensor, logits: Tensor, classes: Tensor) -> Tensor:
        """The terms for a map (N, C, H, W), the student's logits (N, K) and labels (N,)."""
        early = self.head(stage)
        return nn.functional.cross_entropy(early, classes) + 0.2 * self.loss(logits, early)


def our_self_attention(stages: list[Tensor]) -> Tensor:
    """The term of ``mmkd.SelfAttention`` for given stages."""
    task = SimpleNamespace(valid_positions=lambda step, maps: None)
    step = SimpleNamespace(features=lambda source: stages, task=task)
    return SelfAttention(attention_weight=1.0).losses(step)['loss_attention']
