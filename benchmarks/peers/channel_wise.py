"""Channel-wise distillation as published: Shu et al., 2021."""

import torch.nn.functional as F
from torch import Tensor


def channel_wise(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² KL over the positions of each channel of maps (N, C, H, W), mean over images and channels."""
    images, channels = student.shape[:2]
    own = student.reshape(images * channels, -1) / temperature
    target = F.softmax(teacher.detach().reshape(images * channels, -1) / temperature, dim=1)
    divergence = target * (target.log() - F.log_softmax(own, dim=1))
    return temperature**2 * divergence.sum() / (images * channels)
