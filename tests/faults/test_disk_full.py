"""A disk that is full while a checkpoint is written."""
import errno
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from mmkd.engine.whole_file import write_whole
from tests.faults import check_refused, check_sentence, check_told, check_tool_refuses
from tests.runs import ROOT, config_of, last_weights, train, weights, write_config
from tests.students import build, distilling, segmentor

WHOLE = [dict(type='mmkd.WholeCheckpointHook')]


@contextmanager
def full_disk(monkeypatch, after=0):
    """Files can be made, but after so many writes no byte fits into them."""
    written, flush = [], os.fsync

    def fail(descriptor):
        written.append(descriptor)
        if len(written) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr('os.fsync', fail)
        yield


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path, monkeypatch):
    write_whole(tmp_path / 'a' / 'a.pth', b'old')
    with full_disk(monkeypatch):
        check_refused(lambda: write_whole(tmp_path / 'a' / 'a.pth', b'new'), 'a.pth', 'No space left', error=OSError)
    assert [path.name for path in (tmp_path / 'a').iterdir()] == ['a.pth']
    assert (tmp_path / 'a' / 'a.pth').read_bytes() == b'old'
    write_whole(tmp_path / 'a' / 'a.pth', b'new')
    assert (tmp_path / 'a' / 'a.pth').read_bytes() == b'new'


SAVING = {
    'every one': dict(interval=1),
    'the last one': dict(interval=1, max_keep_ckpts=1),
    'the best one': dict(interval=1, max_keep_ckpts=1, save_best='mIoU', rule='greater'),
}


# the third file is the best checkpoint, and the fourth writes over the last one
@pytest.mark.parametrize(
    'kept, after', [('every one', 1), ('the last one', 1), ('the best one', 2), ('the best one', 3)])
def test_the_last_good_checkpoint_is_left(tmp_path, monkeypatch, kept, after):
    checkpoint = dict(type='CheckpointHook', by_epoch=False, **SAVING[kept])
    config = config_of(tmp_path, custom_hooks=WHOLE, default_hooks=dict(checkpoint=checkpoint))
    with full_disk(monkeypatch, after), pytest.raises(OSError) as raised:
        train(config)
    check_sentence(str(raised.value), '.pth', 'No space left')
    work = tmp_path / 'work'
    assert Path((work / 'last_checkpoint').read_text()).is_file()
    assert not list(work.glob('*.part'))
    for file in work.glob('*.pth'):
        assert weights(file).keys() == build(segmentor()).state_dict().keys()
    # and it is one to go on from
    assert train(config_of(tmp_path, resume=True)).iter == 4


@pytest.mark.parametrize('kept', ['the best one'])
def test_checkpoints_are_those_of_mmengine_where_there_is_room(tmp_path, kept):
    checkpoint = dict(type='CheckpointHook', by_epoch=False, **SAVING[kept])
    names = {}
    for name, hooks in (('with', WHOLE), ('without', [])):
        config = config_of(tmp_path, default_hooks=dict(checkpoint=checkpoint), custom_hooks=hooks)
        config.work_dir = str(tmp_path / name)
        train(config)
        names[name] = sorted(path.name for path in (tmp_path / name).glob('*.pth'))
    assert names['with'] == names['without']
    left, right = (last_weights(tmp_path / name) for name in ('with', 'without'))
    assert all(torch.equal(left[key], right[key]) for key in left)


class NanBatch(Hook):
    """Makes a batch nan."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2:
            runner.model.data_preprocessor.register_forward_hook(
                lambda module, args, output: dict(output, inputs=output['inputs'] * float('nan')))


def test_a_nan_batch_leaves_the_last_good_checkpoint(tmp_path):
    with pytest.raises(FloatingPointError) as raised:
        train(config_of(tmp_path, distilling(segmentor()), custom_hooks=WHOLE), NanBatch())
    check_sentence(str(raised.value), "'frskd'", 'iteration 2', 'nan')
    assert (tmp_path / 'work' / 'last_checkpoint').read_text().endswith('iter_2.pth')
    assert all(value.isfinite().all() for value in last_weights(tmp_path / 'work').values())


class Explode(Hook):
    """Lets the third update throw all weights out of the range of numbers."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2:
            runner.optim_wrapper.param_groups[0]['lr'] = float('inf')


# the average is taken too late to be ruined, so that it is the weights behind it that must be looked at
EMA = dict(type='EMAHook', interval=100)


# the fourth iteration would find a loss of nan, but the checkpoint of the third is written before
@pytest.mark.parametrize('kept, hooks', [('the last one', []), ('the best one', [EMA])])
def test_weights_that_are_not_finite_are_not_written(tmp_path, kept, hooks):
    checkpoint = dict(type='CheckpointHook', by_epoch=False, **SAVING[kept])
    config = config_of(tmp_path, custom_hooks=WHOLE + hooks, default_hooks=dict(checkpoint=checkpoint))
    with pytest.raises(FloatingPointError) as raised:
        train(config, Explode())
    check_sentence(str(raised.value), "'backbone.", 'iteration 3', 'iter_2.pth', 'learning rate')
    assert (tmp_path / 'work' / 'last_checkpoint').read_text().endswith('iter_2.pth')
    for file in (tmp_path / 'work').glob('*.pth'):
        assert all(value.isfinite().all() for value in weights(file).values())
    assert (tmp_path / 'work' / 'iter_2.pth').exists()
    assert train(config_of(tmp_path, resume=True, custom_hooks=hooks)).iter == 4


def test_weights_that_are_not_finite_at_the_first_checkpoint_are_told(tmp_path):
    with pytest.raises(FloatingPointError) as raised:
        train(config_of(tmp_path, custom_hooks=WHOLE, optim_wrapper=dict(optimizer=dict(lr=float('inf')))))
    check_sentence(str(raised.value), 'iteration 1', 'start anew')
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_an_export_that_does_not_fit_leaves_the_old_one(tmp_path, monkeypatch):
    train(config_of(tmp_path, distilling(segmentor()), max_iters=1))
    config = write_config(config_of(tmp_path, distilling(segmentor())), tmp_path / 'config.py')
    (tmp_path / 'out.pth').write_bytes(b'old')
    words = ('tools/export_student.py', config, tmp_path / 'work' / 'iter_1.pth', tmp_path / 'out.pth')
    with full_disk(monkeypatch):
        check_tool_refuses(*words, found=['out.pth', 'No space left'])
    assert (tmp_path / 'out.pth').read_bytes() == b'old'


def test_a_training_whose_files_may_not_grow_ends_with_a_sentence(tmp_path):
    # in a process of its own, because the limit is the process's: the log fits, the checkpoint of 1 MB does not
    config = write_config(config_of(tmp_path, distilling(segmentor()), max_iters=1), tmp_path / 'config.py')
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # noqa: E731
    done = subprocess.run(
        [sys.executable, 'tools/train.py', config, '--device', 'cpu', '--work-dir', str(tmp_path / 'work')], cwd=ROOT,
        env={**os.environ, 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True, preexec_fn=limit, timeout=600)
    check_told(done.returncode, done.stderr, found=['iter_1.pth', 'File too large'])
    assert not list((tmp_path / 'work').glob('*.pth*')) and not (tmp_path / 'work' / 'last_checkpoint').exists()
