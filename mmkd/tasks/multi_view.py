"""Batches of mmpretrain with several views per image."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmpretrain.models import ClsDataPreprocessor
from torch import Tensor, nn

KEY = 'num_views'


class ViewPreprocessor(ClsDataPreprocessor):
    """What ``mmkd.MultiViewDataPreprocessor`` builds, see :func:`mmkd.datasets.multi_view_data_preprocessor`."""

    def forward(self, data: dict, training: bool = False) -> dict:
        """Preprocess a batch; views become rows (N V, C, H, W), image-major, each with a data sample of its own."""
        return super().forward(unfold_views(data), training)


def unfold_views(data: dict) -> dict:
    """A collated batch with a row per view: V rows of an image in turn, and a copy of its data sample for each.

    Args:
        data: ``inputs``, a list of N images (C, H, W) or of views (V, C, H, W), or both stacked, and ``data_samples``.
            A batch of images is returned as it is.
    """
    inputs = data['inputs']
    views = [image for image in inputs if image.dim() == 4]
    if not views:
        return data
    count = len(views[0])
    rows = inputs.flatten(0, 1) if isinstance(inputs, Tensor) else [view for image in views for view in image]
    samples = [_marked(sample, count) for sample in data['data_samples'] for _ in range(count)]
    return {**data, 'inputs': rows, 'data_samples': samples}


def num_views(data_samples: Sequence[Any]) -> int:
    """Rows that a batch has for each image."""
    return data_samples[0].get(KEY, 1) if data_samples else 1


@contextmanager
def upright_loss(head: nn.Module, views: int) -> Iterator[None]:
    """A context in which a head's loss gets the first view of every image alone, while its layers see all of them.

    The head's own ``_get_loss`` computes the loss, of every V-th row of the logits and of the data samples.

    Args:
        head: A head of mmpretrain.
        views: Number of views V.

    Raises:
        TypeError: If the head computes its loss otherwise.
    """
    original = getattr(head, '_get_loss', None)
    calls = []

    def of_upright_rows(cls_score: Any, data_samples: Sequence[Any], **kwargs: Any) -> dict:
        calls.append(len(data_samples))
        return original(_first_views(cls_score, views), data_samples[::views], **kwargs)

    if original is None:
        raise _refusal(head, views)
    head._get_loss = of_upright_rows
    try:
        yield
    finally:
        del head._get_loss
    if not calls:
        raise _refusal(head, views)


def _first_views(logits: Any, views: int) -> Any:
    if isinstance(logits, Tensor):
        return logits[::views]
    return type(logits)(_first_views(each, views) for each in logits)


def _marked(sample: Any, views: int) -> Any:
    sample = sample.clone()
    sample.set_metainfo({KEY: views})
    return sample


def _refusal(head: nn.Module, views: int) -> TypeError:
    return TypeError(
        f'The batch has {views} views per image, of which the student learns the first one by its own loss, but a '
        f'{type(head).__name__} does not compute that from logits: use a LinearClsHead, or one view per image.'
    )
