"""The image that a network saw, as people see it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


def input_image(inputs: Tensor, sample: Any) -> np.ndarray:
    """The image of an item of a dataset, after the transforms of its pipeline, before padding and normalisation.

    Args:
        inputs: Image (C, H, W). Images read from files are in BGR as mmcv reads them; those that a data set keeps in
            memory, such as CIFAR, are in RGB.
        sample: Its data sample.

    Returns:
        Image (H, W, 3) in RGB, uint8; values that a pipeline has normalised are stretched to 0 to 255.
    """
    image = inputs[:3] if len(inputs) >= 3 else inputs[:1].expand(3, -1, -1)
    if image.dtype != torch.uint8:
        low, high = image.min(), image.max()
        outside = low < 0 or high > 255 or high <= 1
        image = (255 * (image - low) / (high - low).clamp(min=1e-12) if outside else image).round().byte()
    if sample.get('img_path'):
        image = image.flip(0)
    return np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())


def name_of(sample: Any, index: int) -> str:
    """The name of a data sample's file without its ending, or a number where it came from no file."""
    path = sample.get('img_path')
    return Path(path).stem if path else f'{index:05d}'
