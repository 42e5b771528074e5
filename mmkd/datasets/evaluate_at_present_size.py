"""Evaluate where the published code of FRSKD does: on resized images and masks."""

from mmcv.transforms import BaseTransform

from mmkd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class EvaluateAtPresentSize(BaseTransform):
    """Makes the present size of an image its original one, so that predictions are compared with masks of this size.

    Put it behind a ``Resize`` that follows ``LoadAnnotations``. mmseg's own way is to bring predictions back to the
    size of the file, which is the better comparison; this one exists to repeat published numbers.
    """

    def transform(self, results: dict) -> dict:
        """Set ``ori_shape`` to the shape (H, W) of ``img``."""
        results['ori_shape'] = results['img'].shape[:2]
        return results
