import numpy as np
import pytest

from mmkd.datasets.demo.scene import BORDER, INSIDE, VOID, _covered, draw_scene
from mmkd.datasets.demo.sources import load_sources


@pytest.fixture(scope='module')
def sources():
    return load_sources('train')


def scene_of(sources, seed, size=64, difficulty=0.5, label=4):
    return draw_scene(np.random.default_rng(seed), sources, size, difficulty, label)


def test_equal_generators_give_equal_scenes(sources):
    one, same, other = scene_of(sources, 1), scene_of(sources, 1), scene_of(sources, 2)
    assert one.image.tobytes() == same.image.tobytes() and one.mask.tobytes() == same.mask.tobytes()
    assert one.instances == same.instances
    assert one.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize('size', [32, 64, 200])
@pytest.mark.parametrize('difficulty', [0.0, 0.5, 1.0])
def test_masks_and_instances_agree(sources, size, difficulty):
    for seed in range(20):
        scene = scene_of(sources, seed, size, difficulty)
        assert scene.image.shape == (size, size, 3) and scene.image.dtype == scene.mask.dtype == np.uint8
        digit_pixels = (scene.mask > 0) & (scene.mask != VOID)
        assert sum(instance.area for instance in scene.instances) == digit_pixels.sum()
        outside = digit_pixels.copy()
        for instance in scene.instances:
            x, y, width, height = instance.box
            inside = scene.mask[y:y + height, x:x + width] == instance.label + 1
            assert inside.shape == (height, width)
            assert inside.any(0)[[0, -1]].all() and inside.any(1)[[0, -1]].all()
            assert inside.sum() >= instance.area > 0
            outside[y:y + height, x:x + width] = False
        assert not outside.any()


@pytest.mark.parametrize('difficulty', [0.0, 1.0])
def test_the_topmost_digit_has_the_label_that_was_asked_for(sources, difficulty):
    for seed in range(30):
        top = scene_of(sources, seed, difficulty=difficulty, label=seed % 10).instances[-1]
        assert top.label == seed % 10
        assert top.source in sources.indices[top.label]


def test_void_separates_digits_from_background(sources):
    assert BORDER < INSIDE
    mask = scene_of(sources, 5, size=200, difficulty=0.0).mask
    digit = (mask > 0) & (mask != VOID)
    touching = (digit[:, 1:] & (mask[:, :-1] == 0)) | (digit[:, :-1] & (mask[:, 1:] == 0))
    assert touching.sum() < 0.02 * digit.sum()
    assert (mask == VOID).any()


def test_harder_scenes_have_fainter_digits(sources):
    def contrast(difficulty):
        values = []
        for seed in range(60):
            scene = scene_of(sources, seed, difficulty=difficulty)
            digit, ground = scene.image[scene.mask == 5], scene.image[scene.mask == 0]
            values.append(np.abs(digit.mean(0) - ground.mean(0)).mean())
        return np.mean(values)
    assert contrast(0.0) > 1.3 * contrast(1.0)


def test_covered_is_the_share_of_the_smaller_box():
    assert _covered((0, 0, 4, 4), (2, 2, 10, 10)) == pytest.approx(4 / 16)
    assert _covered((0, 0, 4, 4), (4, 0, 4, 4)) == 0
    assert _covered((1, 1, 2, 2), (0, 0, 10, 10)) == 1
