"""A few images in exactly the layouts of public data sets, each below a folder that stands for the repository's."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

README = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'datasets' / 'README.md'
# Folder listings, capitals and digits must not decide which label a class gets: only the sorted order does.
CLASSES = ('n02_setter', 'Zebra', 'a_room', 'n01_beagle')
LABELS = {name: label for label, name in enumerate(sorted(CLASSES))}


def image(path, width=44, height=36):
    """Write an image of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).integers(0, 256, (height, width, 3))
    cv2.imwrite(str(path), noise.astype(np.uint8))


def lines(path, content):
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(content) + '\n')


def run_readme(name, folder):
    """Run the commands that the README gives for a data set."""
    commands = README.read_text().partition(f'## {name}\n')[2].partition('```bash\n')[2].partition('```')[0]
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    subprocess.run(['bash', '-ec', commands], cwd=folder, env={**os.environ, 'PATH': path}, check=True)


def cifar100(root):
    """Two pickles of rows of 3072 numbers, all red ones first."""
    folder = root / 'data' / 'cifar100' / 'cifar-100-python'
    folder.mkdir(parents=True)
    for split in ('train', 'test'):
        data = np.random.default_rng(0).integers(0, 256, (4, 3072)).astype(np.uint8)
        data[:, :1024] = 255
        entry = dict(data=data, fine_labels=[LABELS[name] for name in CLASSES])
        (folder / split).write_bytes(pickle.dumps(entry))
    (folder / 'meta').write_bytes(pickle.dumps(dict(fine_label_names=['apple'])))


def tinyimagenet(root):
    """Training images in class folders beside boxes; validation images in one folder, with a table."""
    folder = root / 'data' / 'tiny-imagenet-200'
    table = []
    for number, name in enumerate(CLASSES):
        image(folder / 'train' / name / 'images' / f'{name}_0.JPEG', 64, 64)
        lines(folder / 'train' / name / f'{name}_boxes.txt', [f'{name}_0.JPEG\t0\t0\t9\t9'])
        image(folder / 'val' / 'images' / f'val_{number}.JPEG', 64, 64)
        table.append(f'val_{number}.JPEG\t{name}\t0\t32\t44\t62')
    lines(folder / 'val' / 'val_annotations.txt', table)
    lines(folder / 'wnids.txt', CLASSES)
    run_readme('tinyimagenet', folder)


def cub200(root):
    """Four numbered text files; every other image is for training."""
    folder = root / 'data' / 'CUB_200_2011'
    names = [f'{LABELS[name] + 1:03d}.{name}/{part}.jpg' for name in CLASSES for part in ('test', 'train')]
    for name in names:
        image(folder / 'images' / name)
    lines(folder / 'images.txt', (f'{i} {name}' for i, name in enumerate(names, 1)))
    lines(folder / 'image_class_labels.txt', (f'{i} {int(name[:3])}' for i, name in enumerate(names, 1)))
    lines(folder / 'train_test_split.txt', (f'{i} {int("train" in name)}' for i, name in enumerate(names, 1)))


def mit67(root):
    """Class folders and two lists, with the line ends of Windows."""
    folder = root / 'data' / 'mit67'
    for part in ('Train', 'Test'):
        names = [f'{name}/{part} of_{name}.jpg' for name in CLASSES]
        for name in names:
            image(folder / 'Images' / name)
        lines(folder / f'{part}Images.txt', (f'{name}\r' for name in names))
    run_readme('mit67', folder)


def stanford_dogs(root):
    """Class folders and two files of MATLAB."""
    folder = root / 'data' / 'stanford_dogs'
    for part in ('train', 'test'):
        names = [f'{name}/{part}.jpg' for name in CLASSES]
        for name in names:
            image(folder / 'Images' / name)
        cells = np.empty((len(names), 1), dtype=object)
        cells[:, 0] = names
        labels = np.array([[LABELS[name] + 1] for name in CLASSES], dtype=np.uint8)
        savemat(folder / f'{part}_list.mat', dict(file_list=cells, annotation_list=cells, labels=labels))
    run_readme('stanford_dogs', folder)


def stanford40(root):
    """One folder of images, and two lists per class beside others."""
    folder = root / 'data' / 'stanford40'
    for part in ('train', 'test'):
        for name in CLASSES:
            image(folder / 'JPEGImages' / f'{name}_{part}.jpg')
            lines(folder / 'ImageSplits' / f'{name}_{part}.txt', [f'{name}_{part}.jpg'])
        lines(folder / 'ImageSplits' / f'{part}.txt', [f'{name}_{part}.jpg' for name in CLASSES])
    lines(folder / 'ImageSplits' / 'actions.txt', ['action_name\tnumber_of_images', *CLASSES])
    run_readme('stanford40', folder)


def caltech101(root):
    """Class folders, and mmpretrain's lists beside them."""
    folder = root / 'data' / 'caltech-101'
    for part in ('train', 'test'):
        names = [f'{name}/{part}.jpg' for name in CLASSES]
        for name in names:
            image(folder / '101_ObjectCategories' / name)
        pairs = (f'{name} {LABELS[name.partition("/")[0]]}' for name in names)
        lines(folder / 'meta' / f'{part}.txt', pairs)


def imagenet(root):
    """One folder per split, with lists in meta."""
    folder = root / 'data' / 'imagenet'
    for part in ('train', 'val'):
        for name in CLASSES:
            image(folder / part / name / f'{part}.JPEG')
        lines(folder / 'meta' / f'{part}.txt', (f'{name}/{part}.JPEG {LABELS[name]}' for name in CLASSES))


LAYOUTS = dict(
    cifar100=cifar100,
    tinyimagenet=tinyimagenet,
    cub200=cub200,
    mit67=mit67,
    stanford_dogs=stanford_dogs,
    stanford40=stanford40,
    caltech101=caltech101,
    imagenet=imagenet,
)
