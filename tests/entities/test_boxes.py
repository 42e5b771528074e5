import torch
from mmcv.ops import roi_align

from mmkd.entities.boxes import box_features, choose_levels


def levels(strides=(8, 16, 32), size=(128, 96), channels=4):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, channels, size[0] // stride, size[1] // stride, generator=generator) for stride in strides]


def test_boxes_are_pooled_from_the_level_of_their_size():
    maps = levels()
    boxes = torch.tensor([[0.0, 0, 120, 90], [4.0, 4, 20, 20], [0.0, 0, 96, 128]])
    images = torch.tensor([0, 1, 1])
    found = box_features(maps, boxes, images, (128, 96))
    for row, (box, image) in enumerate(zip(boxes, images, strict=True)):
        expected = roi_align(maps[0], torch.cat([image[None], box])[None], (7, 7), 1 / 8, 0, 'avg', True)
        torch.testing.assert_close(found[row], expected.mean((2, 3))[0])


def test_larger_boxes_go_to_coarser_levels():
    sides = torch.tensor([10.0, 111, 112, 223, 224, 448, 9999])
    boxes = torch.stack([torch.zeros(7), torch.zeros(7), sides, sides], 1)
    assert choose_levels(boxes, [8, 16, 32]).tolist() == [0, 0, 0, 0, 1, 2, 2]


def test_no_box_gives_no_row_but_a_gradient():
    maps = [level.requires_grad_() for level in levels()]
    rows = box_features(maps, torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), (128, 96))
    assert rows.shape == (0, 4)
    rows.sum().backward()
    assert all(level.grad is not None and level.grad.eq(0).all() for level in maps)


def test_channels_last_maps_are_pooled_alike():
    maps, boxes, images = levels(), torch.tensor([[0.0, 0, 60, 60]]), torch.ones(1, dtype=torch.long)
    last = [level.to(memory_format=torch.channels_last) for level in maps]
    found, expected = (box_features(each, boxes, images, (128, 96)) for each in (last, maps))
    torch.testing.assert_close(found, expected)


def test_half_precision_maps_are_pooled_in_full():
    maps = [level.bfloat16() for level in levels()]
    boxes = torch.tensor([[0.0, 0, 60, 60]])
    with torch.autocast('cpu', torch.bfloat16):
        rows = box_features(maps, boxes, torch.zeros(1, dtype=torch.long), (128, 96))
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, box_features([level.float() for level in maps], boxes, torch.zeros(1), (128, 96)))
