"""FRSKD of mmkd on mmpretrain's classifier, as a scalar of images and labels."""

from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample
from torch import Tensor, nn

import mmkd.distiller  # noqa: F401  (registers it)


class OurFRSKD(nn.Module):
    """mmpretrain's ResNet-18 for small images with ``mmkd.FRSKD``; ``forward`` is the sum of all its losses.

    Args:
        width: Channels of the first stage.
        num_classes: Number of classes.
    """

    def __init__(self, width: int = 64, num_classes: int = 100) -> None:
        super().__init__()
        init_default_scope('mmpretrain')
        student = dict(
            type='ImageClassifier',
            backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=width, stem_channels=width),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(
                type='LinearClsHead',
                num_classes=num_classes,
                in_channels=8 * width,
                loss=dict(type='CrossEntropyLoss'),
            ),
        )
        methods = dict(frskd=dict(type='mmkd.FRSKD', self_teacher=dict(width=2.0)))
        self.model = MODELS.build(dict(type='mmkd.Distiller', student=student, methods=methods)).train()

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """The total loss of a batch (N, 3, H, W) with labels (N,)."""
        samples = [DataSample().set_gt_label(label) for label in labels]
        return sum(value for name, value in self.model.loss(images, samples).items() if 'loss' in name)
