"""Regions: what the positions of one class in one image have in common."""

from torch import Tensor

from mmkd.losses.reduce import compute_dtype


def class_prototypes(features: Tensor, labels: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Mean features of every class in every image.

    .. math:: g_{ic} = \mathrm{mean} \{ f_{ip} : y_{ip} = c, \; p \text{ valid} \}

    What stands at other positions, inf and nan included, reaches neither a mean nor a gradient.

    Args:
        features: Maps (N, D, H, W).
        labels: Classes (N, H, W) of the positions, at least 0 where valid.
        valid: Bool (N, H, W), which positions count.

    Returns:
        Prototypes (R, D) in float32 or better, their classes (R,) and images (R,), by image and then by class.
    """
    image, row, column = valid.nonzero(as_tuple=True)
    classes = labels[valid].long()
    rows = features[image, :, row, column].to(compute_dtype(features))
    width = int(classes.max()) + 1 if len(classes) else 1
    groups, index, sizes = (image * width + classes).unique(return_inverse=True, return_counts=True)
    sums = rows.new_zeros(len(groups), features.shape[1]).index_add(0, index, rows)
    return sums / sizes.unsqueeze(1), groups % width, groups.div(width, rounding_mode='floor')
