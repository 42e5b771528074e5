"""Several views of every image in one batch: the transform."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from mmkd.registry import TRANSFORMS

ROTATIONS = 4


@TRANSFORMS.register_module()
class RotatedViews(BaseTransform):
    """Turns an image by 0, 90, 180 and 270 degrees: four views, the upright one first.

    The image is flipped or not, then turned counterclockwise, then every view goes through the transforms on its own,
    which draw other random numbers for each. ``img`` becomes an array (4, C, H, W); ``PackInputs`` and
    ``mmkd.MultiViewDataPreprocessor`` do the rest. The label stays that of the image.

    Args:
        transforms: Configs of transforms for each view, such as a random crop, which must leave all of one size.
        flip_prob: Probability of the horizontal flip that all views share.

    Raises:
        ValueError: If ``flip_prob`` is no probability, or the views differ in size.

    Examples:
        >>> dict(type='mmkd.RotatedViews', transforms=[dict(type='RandomCrop', crop_size=32, padding=4)])
    """

    def __init__(self, transforms: Sequence[dict] = (), flip_prob: float = 0.5) -> None:
        if not 0 <= flip_prob <= 1:
            raise ValueError(f'RotatedViews has flip_prob={flip_prob}, but it must be within 0 and 1: correct it.')
        self.transforms = Compose(list(transforms))
        self.flip_prob = flip_prob

    def transform(self, results: dict) -> dict | None:
        """Replace ``img`` (H, W, C) or (H, W) by its views, and ``img_shape`` by their size.

        Returns:
            The results, or None if a transform has given a view up.
        """
        image = _with_channels(results['img'])
        if np.random.rand() < self.flip_prob:
            image = image[:, ::-1]
        views = [self._view(results, image, turns) for turns in range(ROTATIONS)]
        if any(view is None for view in views):
            return None
        sizes = {view['img'].shape[:2] for view in views}
        if len(sizes) > 1:
            raise ValueError(
                f'The views of RotatedViews have the sizes {sorted(sizes)}, but they must have one: add a crop or a '
                'resize to its transforms.'
            )
        arrays = [_with_channels(view['img']).transpose(2, 0, 1) for view in views]
        return {**views[0], 'img': np.ascontiguousarray(arrays)}

    def _view(self, results: dict, image: np.ndarray, turns: int) -> dict | None:
        view = np.ascontiguousarray(np.rot90(image, turns))
        return self.transforms({**results, 'img': view, 'img_shape': view.shape[:2]})

    def __repr__(self) -> str:
        return f'{type(self).__name__}(flip_prob={self.flip_prob}, transforms={self.transforms})'


def _with_channels(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else image[..., None]
