"""Tiny trainings for tests: a config over a data set of random images, and ways to run it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.utils import mkdir_or_exist

from tests.students import segmentor

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ('a', 'b', 'c', 'd', 'e')


def write_images(root, count=6, size=40):
    """Random images and label maps below ``root``."""
    import cv2

    rng = np.random.default_rng(0)
    for folder in ('images', 'labels'):
        mkdir_or_exist(root / folder)
    for i in range(count):
        labels = np.kron(rng.integers(0, len(CLASSES), (5, 5)), np.ones((size // 5, size // 5))).astype(np.uint8)
        cv2.imwrite(str(root / 'labels' / f'{i}.png'), labels)
        cv2.imwrite(
            str(root / 'images' / f'{i}.jpg'), (labels * 50)[..., None] + rng.integers(0, 40, (size, size, 3))
        )


def config_of(root, model=None, max_iters=4, **changes):
    """A config that trains a segmentor on the images below ``root``: crops and flips, a checkpoint per iteration."""
    if not (root / 'images').is_dir():
        write_images(root)
    train = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='RandomCrop', crop_size=(32, 32)),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackSegInputs'),
    ]
    test = [train[0], train[1], train[-1]]
    config = Config(
        dict(
            default_scope='mmseg',
            custom_imports=dict(imports=['mmkd']),
            model=model or segmentor(),
            train_dataloader=_loader(root, train, 'InfiniteSampler'),
            val_dataloader=_loader(root, test, 'DefaultSampler'),
            val_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
            optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
            param_scheduler=dict(type='PolyLR', by_epoch=False, begin=0, end=8),
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=2),
            val_cfg=dict(type='ValLoop'),
            test_cfg=dict(type='TestLoop'),
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1),
                logger=dict(type='LoggerHook', interval=1),
            ),
            log_processor=dict(by_epoch=False),
            randomness=dict(seed=1),
            work_dir=str(root / 'work'),
        )
    )
    config.test_dataloader, config.test_evaluator = config.val_dataloader, config.val_evaluator
    config.merge_from_dict(changes)
    return config


def _loader(root, pipeline, sampler):
    return dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type=sampler, shuffle=sampler == 'InfiniteSampler'),
        dataset=dict(
            type='BaseSegDataset',
            metainfo=dict(classes=CLASSES, palette=[[40 * i] * 3 for i in range(len(CLASSES))]),
            data_root=str(root),
            data_prefix=dict(img_path='images', seg_map_path='labels'),
            reduce_zero_label=False,
            pipeline=pipeline,
        ),
    )


def train(config):
    """Train in this process; returns the runner."""
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def weights(path):
    """The state dict of a checkpoint."""
    import torch

    return torch.load(path, map_location='cpu', weights_only=False)['state_dict']


def write_config(config, path):
    """Dump a config to a file; returns its path as a string."""
    config.dump(path)
    return str(path)


def run_tool(*args, launcher=(), **environment):
    """Run a command line of the repository in its own process."""
    command = [sys.executable, *launcher, *map(str, args)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', **environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
