"""Tiny trainings for tests: a config over a data set of random images, and ways to run it."""

import importlib.util
import io
import os
import runpy
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from mmengine.config import Config
from mmengine.runner import Runner

from tests.data_configs import DATA
from tests.random_data import WRITERS
from tests.students import SCOPES, STUDENTS

ROOT = Path(__file__).resolve().parents[1]


def config_of(root, model=None, max_iters=4, task='segmentation', by_epoch=False, **changes):
    """A config that trains a student of a task on random images below ``root``.

    A checkpoint is written per iteration, or per epoch of three iterations for ``by_epoch``, which makes ``max_iters``
    a number of epochs.
    """
    if not (root / 'images').is_dir():
        WRITERS[task](root)
    data = DATA[task](root)
    config = Config(
        dict(
            default_scope=SCOPES[task],
            custom_imports=dict(imports=['mmkd']),
            model=model or STUDENTS[task](),
            train_dataloader=_loader(data, 'train', 'DefaultSampler' if by_epoch else 'InfiniteSampler'),
            val_dataloader=_loader(data, 'test', 'DefaultSampler'),
            val_evaluator=data['evaluator'],
            optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
            param_scheduler=dict(type='PolyLR', by_epoch=False, begin=0, end=8),
            train_cfg=_loop(max_iters, by_epoch),
            val_cfg=dict(type='ValLoop'),
            test_cfg=dict(type='TestLoop'),
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', by_epoch=by_epoch, interval=1),
                logger=dict(type='LoggerHook', interval=1),
            ),
            log_processor=dict(by_epoch=by_epoch),
            randomness=dict(seed=1),
            work_dir=str(root / 'work'),
        )
    )
    config.test_dataloader, config.test_evaluator = config.val_dataloader, config.val_evaluator
    if task == 'classification':
        config.data_preprocessor = dict(num_classes=5, mean=[60.0] * 3, std=[60.0] * 3, to_rgb=True)
    if task == 'detection':
        config.train_dataloader.batch_sampler = dict(type='AspectRatioBatchSampler')
        config.optim_wrapper.optimizer.lr = 0.002
    config.merge_from_dict(changes)
    return config


def _loop(length, by_epoch):
    if by_epoch:
        return dict(type='EpochBasedTrainLoop', max_epochs=length, val_interval=1)
    return dict(type='IterBasedTrainLoop', max_iters=length, val_interval=2)


def _loader(data, split, sampler):
    return dict(
        batch_size=2 if split == 'train' else 1,
        num_workers=0,
        sampler=dict(type=sampler, shuffle=split == 'train'),
        dataset=dict(data['dataset'], pipeline=data[split], **({'test_mode': True} if split == 'test' else {})),
    )


def train(config, *hooks):
    """Train in this process, with more hooks; returns the runner."""
    runner = Runner.from_cfg(config)
    for hook in hooks:
        runner.register_hook(hook, priority='LOWEST')
    runner.train()
    return runner


def weights(path):
    """The state dict of a checkpoint."""
    import torch

    return torch.load(path, map_location='cpu', weights_only=False)['state_dict']


def last_weights(work_dir):
    """The state dict of the last checkpoint below a work dir."""
    return weights((work_dir / 'last_checkpoint').read_text().strip())


def write_config(config, path):
    """Dump a config to a file; returns its path as a string."""
    config.dump(path)
    return str(path)


def run_tool(*args, launcher=(), **environment):
    """Run a command line of the repository in its own process."""
    command = [sys.executable, *launcher, *map(str, args)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', **environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


def run_tool_here(*args):
    """Run a command line in this process, which spares the imports; returns what it printed."""
    command, printed = list(map(str, args)), io.StringIO()
    environment = mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES='-1')
    with mock.patch('sys.argv', command), environment, redirect_stdout(printed), redirect_stderr(printed):
        runpy.run_path(str(ROOT / command[0]), run_name='__main__')
    return printed.getvalue()


def tool_of(toolbox, name):
    """The path of a command line that a toolbox ships."""
    return Path(importlib.util.find_spec(toolbox).origin).parent / '.mim' / 'tools' / name
