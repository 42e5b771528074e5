"""Names of teachers and images."""

import torch
from torch import nn

from mmkd.teachers.fingerprint import fingerprint, image_keys


def model(seed=0, **conv):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3, **conv), nn.BatchNorm2d(4))


def test_a_teacher_keeps_its_name_until_anything_changes():
    name = fingerprint(model(), dict(top_k=None))
    assert fingerprint(model(), dict(top_k=None)) == name and len(name) == 32
    assert fingerprint(model().to(memory_format=torch.channels_last), dict(top_k=None)) == name
    running = model()
    running[1].running_mean[2] += 1e-6
    others = [
        fingerprint(model(seed=1), dict(top_k=None)),
        fingerprint(model(stride=2), dict(top_k=None)),
        fingerprint(model(), dict(top_k=3)),
        fingerprint(model().half(), dict(top_k=None)),
        fingerprint(running, dict(top_k=None)),
    ]
    assert len({name, *others}) == 6


def test_an_image_is_told_by_its_pixels_wherever_it_is_in_a_batch():
    images = torch.randn(3, 3, 4, 6)
    keys = image_keys(images)
    assert len(set(keys)) == 3
    assert image_keys(images.flip(0).to(memory_format=torch.channels_last)) == keys[::-1]
    changed = images.clone()
    changed[1, 2, 3, 5] += 1e-6
    assert [a == b for a, b in zip(image_keys(changed), keys, strict=True)] == [True, False, True]


def test_shape_and_type_are_part_of_a_key():
    image = torch.zeros(1, 3, 4, 6)
    others = [image, image.reshape(1, 3, 6, 4), image.half(), torch.zeros(1, 3, 4, 3).double()]
    assert len({image_keys(other)[0] for other in others}) == 4
    assert image_keys(torch.zeros(1, 3, 2, 2, dtype=torch.bfloat16)) != image_keys(torch.zeros(1, 3, 2, 2).half())
