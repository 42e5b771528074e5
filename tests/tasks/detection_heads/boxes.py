"""Boxes decoded and compared by their formulas, without mmdet or mmcv."""

import torch


def moved(anchors, deltas, stds):
    """Boxes of anchors (M, 4) by (dx, dy, dw, dh) in units of standard deviations."""
    shift, scale = (deltas.double() * torch.tensor(stds)).chunk(2, dim=1)
    corner, opposite = anchors.double().chunk(2, dim=1)
    size = opposite - corner
    centre, size = (corner + opposite) / 2 + shift * size, size * scale.exp()
    return torch.cat([centre - size / 2, centre + size / 2], dim=1)


def around(points, distances):
    """Boxes (M, 4) that reach (left, top, right, bottom) from points (M, 2)."""
    before, after = distances.double().chunk(2, dim=1)
    return torch.cat([points - before, points + after], dim=1)


def giou_distance(boxes, others):
    """The mean of 1 - GIoU of pairs of boxes (M, 4)."""

    def area(box):
        return (box[2] - box[0]).clamp(min=0) * (box[3] - box[1]).clamp(min=0)

    values = []
    for one, other in zip(boxes, others, strict=True):
        low, high = torch.minimum(one, other), torch.maximum(one, other)
        intersection = area(torch.cat([high[:2], low[2:]]))
        union = area(one) + area(other) - intersection
        hull = area(torch.cat([low[:2], high[2:]]))
        values.append(1 - intersection / union + (hull - union) / hull)
    return torch.stack(values).mean()
