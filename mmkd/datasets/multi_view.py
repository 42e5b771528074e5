"""Several views of every image in one batch: the data preprocessor."""

from typing import Any

from torch import nn

from mmkd.registry import MODELS


@MODELS.register_module('MultiViewDataPreprocessor')
def multi_view_data_preprocessor(**arguments: Any) -> nn.Module:
    """Build a data preprocessor for the views that :class:`mmkd.datasets.RotatedViews` makes.

    It is mmpretrain's ``ClsDataPreprocessor`` in all other respects. N images of V views become N V rows, image-major:
    row V i + v is view v of image i. Every row has a data sample of its own with the label of its image and
    ``num_views``, so that any method sees an ordinary batch of N V images. A Distiller hands the rows of view 0 alone
    to the student's own loss; without a Distiller all rows are learned. A batch without views, as in validation, is
    preprocessed as usual.

    Args:
        arguments: Those of ``ClsDataPreprocessor``. Batch augmentations mix rows, whatever view they are.

    Examples:
        >>> data_preprocessor = dict(type='mmkd.MultiViewDataPreprocessor', num_classes=100, mean=[...], std=[...])
    """
    from mmkd.tasks.multi_view import ViewPreprocessor  # imports mmpretrain, which other tasks do without

    return ViewPreprocessor(**arguments)
