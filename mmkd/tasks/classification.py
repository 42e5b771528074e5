"""Image classification: models of mmpretrain."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmkd.tasks.base import TapConfig, Task


class ClassificationTask(Task):
    """Students are ImageClassifiers of mmpretrain with one linear classifier."""

    name: ClassVar[str] = 'classification'

    def default_taps(self, student: nn.Module) -> TapConfig:
        """Backbone stages and the logits (N, K), read where the head hands them to its loss."""
        # A residual classifier's backbone returns its last stage only, but its stages are modules of their own.
        stages = [f'backbone.{name}' for name in getattr(student.backbone, 'res_layers', [])]
        taps = dict(backbone=stages or 'backbone', logits='head._get_loss:input[cls_score]')
        if student.with_neck:
            taps['neck'] = 'neck'
        return taps

    def num_classes(self, student: nn.Module) -> int:
        """Classes of the head."""
        return student.head.num_classes

    def targets(self, data_samples: list[Any]) -> Tensor:
        """Labels (N,), or scores (N, K) where a batch augmentation has mixed them."""
        if 'gt_score' in data_samples[0]:
            return torch.stack([sample.gt_score for sample in data_samples])
        return torch.cat([sample.gt_label for sample in data_samples])

    def build_head(self, student: nn.Module, channels: Sequence[int], config: dict | None) -> nn.Module:
        """A linear classifier on the global average of the deepest map."""
        return PooledClassifier(channels[-1], self.num_classes(student))

    def head_loss(self, student: nn.Module, head: nn.Module | None, logits: Tensor, data_samples: list[Any]) -> Tensor:
        """The loss module of the student's head (label smoothing and mixed labels included) on other logits."""
        return student.head.loss_module(logits, self.targets(data_samples), avg_factor=logits.shape[0])

    def comparable_logits(
        self, student: Tensor, teacher: Tensor, data_samples: list[Any], mask_ignored: bool, full_size: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The logits (N, K) as they are; every row counts."""
        return student, teacher, None


class PooledClassifier(nn.Module):
    """Global average pooling of the deepest map and a linear layer.

    Args:
        in_channels: Channels of the deepest map.
        num_classes: Number of classes K.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, num_classes)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits (N, K) of maps, shallow first."""
        return self.fc(maps[-1].mean(dim=(2, 3)))
