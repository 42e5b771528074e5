"""Make the demo data once, whole or not at all."""
import json
import pathlib
import tempfile

import numpy as np
from mmengine.utils import ProgressBar

from mmkd.datasets.demo.layout import SplitWriter
from mmkd.datasets.demo.scene import draw_scene
from mmkd.datasets.demo.sources import CLASSES, SPLITS, load_sources

STAMP = 'demo.json'
FORMAT = 1  # raise it when equal arguments no longer give equal files
SIZES, MAX_IMAGES = (32, 512), 100_000
BAR_STEPS = 50


def make_demo_data(root: str | pathlib.Path, seed: int = 0, size: int = 64, train: int = 4000, val: int = 500,
                   test: int = 500, difficulty: float = 0.3) -> pathlib.Path:
    """Write handwritten digits on photographs in the layouts of all three tasks.

    Masks and images as mmseg reads them, boxes as COCO, crops in class folders. Backgrounds, writers and digits of the
    three splits are disjoint. Equal arguments give equal files, and the first n images do not depend on how many
    follow. Where the data already stand, nothing is done; other demo data there are replaced, and only when the new
    ones are complete.

    Args:
        root: Folder of the demo data, by the configs' convention ``data/demo``.
        seed: Seed of everything drawn, at least 0.
        size: Height and width of the images in pixels, 32 to 512.
        train: Number of training images.
        val: Number of images for choosing settings.
        test: Number of images for reporting.
        difficulty: 0 (bold digits far apart) to 1 (faint, crowded, among stray strokes and noise).

    Returns:
        The folder.

    Raises:
        ValueError: If an argument is out of range.
        ModuleNotFoundError: If scikit-image or scikit-learn is not installed.
        FileExistsError: If the folder holds something else than demo data.
    """
    numbers = dict(train=train, val=val, test=test)
    _check(seed, size, numbers, difficulty)
    arguments = dict(format=FORMAT, seed=seed, size=size, **numbers, difficulty=float(difficulty))
    root = pathlib.Path(root).expanduser().absolute()
    standing = _standing(root)
    if standing == arguments:
        return root
    if standing is not None:
        print(f'{root} holds demo data made with {_words(standing)}: replacing them by {_words(arguments)}.')
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{root.name}-', dir=root.parent) as scratch:
        fresh = pathlib.Path(scratch) / 'fresh'
        _write(fresh, arguments)
        if _standing(root) == arguments:  # another process was faster, and its files are equal
            return root
        if root.exists():
            root.rename(pathlib.Path(scratch) / 'old')
        fresh.rename(root)
    return root


def _check(seed: int, size: int, numbers: dict[str, int], difficulty: float) -> None:
    if seed < 0:
        raise ValueError(f'seed is {seed}, but must be at least 0: raise it.')
    if not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f'size is {size} pixels, but must lie between {SIZES[0]} and {SIZES[1]}: correct it.')
    for split, number in numbers.items():
        if not 1 <= number <= MAX_IMAGES:
            raise ValueError(f'{split} asks for {number} images, but must lie between 1 and {MAX_IMAGES}: correct it.')
    if not 0 <= difficulty <= 1:
        raise ValueError(f'difficulty is {difficulty}, but must lie between 0 (easy) and 1 (hard): correct it.')


def _standing(root: pathlib.Path) -> dict | None:
    """Arguments of the demo data in the folder, None where it is absent or empty."""
    if not root.exists():
        return None
    try:
        return json.loads((root / STAMP).read_text())
    except (OSError, ValueError) as error:
        if root.is_dir() and not any(root.iterdir()):
            return None
        raise FileExistsError(
            f'{root} exists but holds no demo data ({STAMP} is missing or unreadable): name another folder or '
            'remove it.') from error


def _words(arguments: dict) -> str:
    return ', '.join(f'{name} {value}' for name, value in arguments.items())


def _write(root: pathlib.Path, arguments: dict) -> None:
    total = sum(arguments[split] for split in SPLITS)
    print(f'Making {total} demo images of {arguments["size"]} x {arguments["size"]} pixels.', flush=True)
    bar = ProgressBar(total)
    for number, split in enumerate(SPLITS):
        _write_split(root, split, number, arguments, bar)
    print()
    (root / STAMP).write_text(json.dumps(arguments, indent=2) + '\n')


def _write_split(root: pathlib.Path, split: str, number: int, arguments: dict, bar: ProgressBar) -> None:
    sources, size, count = load_sources(split), arguments['size'], arguments[split]
    writer = SplitWriter(root, split, size)
    step = max(1, bar.task_num // BAR_STEPS)
    for start in range(0, count, step):
        stop = min(start + step, count)
        for index in range(start, stop):
            rng = np.random.default_rng([arguments['seed'], number, index])
            # Classes take turns as the topmost digit, so that the class folders are balanced
            writer.add(draw_scene(rng, sources, size, arguments['difficulty'], index % len(CLASSES)))
        bar.update(stop - start)
    writer.close()
