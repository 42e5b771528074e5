"""Random images with random truth, for profiles without data."""

from importlib import import_module
from typing import Any

import torch
from mmengine.structures import InstanceData, PixelData
from torch import Tensor
from torch.utils.data import Dataset

BOXES = 4


class SyntheticImages(Dataset):
    """Random images as a toolbox's pipeline hands them over: ``dict(inputs=(3, H, W) in bytes, data_samples=…)``.

    Args:
        task: ``'classification'``, ``'segmentation'`` or ``'detection'``.
        num_classes: Number of classes.
        size: Height and width.
        length: How many images.
        masks: Detection: whether objects have masks.
    """

    def __init__(
        self, task: str, num_classes: int, size: tuple[int, int], length: int, masks: bool = False
    ) -> None:
        self.num_classes, self.size, self.length, self.masks = num_classes, tuple(size), length, masks
        self.make_sample = {
            'classification': self._classified,
            'segmentation': self._segmented,
            'detection': self._detected,
        }[task]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < self.length:
            raise IndexError(index)
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(0, 256, (3, *self.size), generator=generator, dtype=torch.uint8)
        return dict(inputs=image, data_samples=self.make_sample(generator))

    def _labels(self, generator: torch.Generator, *shape: int) -> Tensor:
        return torch.randint(0, self.num_classes, shape, generator=generator)

    def _meta(self) -> dict[str, Any]:
        shapes = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape'), self.size)
        return {**shapes, 'scale_factor': (1.0, 1.0), 'flip': False}

    def _classified(self, generator: torch.Generator) -> Any:
        sample = import_module('mmpretrain.structures').DataSample(metainfo=self._meta())
        return sample.set_gt_label(self._labels(generator, 1))

    def _segmented(self, generator: torch.Generator) -> Any:
        truth = PixelData(data=self._labels(generator, 1, *self.size))
        return import_module('mmseg.structures').SegDataSample(metainfo=self._meta(), gt_sem_seg=truth)

    def _detected(self, generator: torch.Generator) -> Any:
        height, width = self.size
        corners = torch.rand(BOXES, 2, generator=generator) * 0.5
        sides = 0.1 + torch.rand(BOXES, 2, generator=generator) * 0.4
        boxes = torch.cat([corners, corners + sides], dim=1) * torch.tensor([width, height, width, height])
        truth = InstanceData(bboxes=boxes, labels=self._labels(generator, BOXES))
        if self.masks:
            truth.masks = _fill(boxes, self.size)
        nothing = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
        return import_module('mmdet.structures').DetDataSample(
            metainfo=self._meta(), gt_instances=truth, ignored_instances=nothing
        )


def _fill(boxes: Tensor, size: tuple[int, int]) -> Any:
    masks = torch.zeros(len(boxes), *size, dtype=torch.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.round().int().tolist(), strict=True):
        mask[top:bottom, left:right] = 1
    return import_module('mmdet.structures.mask').BitmapMasks(masks.numpy(), *size)
