"""Checkpoints that are not there, not whole, not weights or not this model's."""
import os
import pickle
import shutil

import pytest
import torch

from mmkd.engine.config import load_config
from tests.faults import check_refused, check_tool_refuses
from tests.runs import config_of, train, weights, write_config
from tests.students import FRSKD, build, distilling, segmentor
from tests.teachers import taught


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A distilled training of one iteration, and its config in a file."""
    root = tmp_path_factory.mktemp('trained')
    config = config_of(root, distilling(segmentor(), dict(frskd=dict(FRSKD))), max_iters=1)
    train(config)
    return root / 'work' / 'iter_1.pth', write_config(config, root / 'config.py')


class Evil:
    """What runs a command when it is read."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f'touch {self.trace}',)


def missing(good, path):
    pass


def cut(good, path):
    path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])


def empty(good, path):
    path.write_bytes(b'')


def page(good, path):
    path.write_text('<html>404</html>')


def bare_pickle(good, path):
    path.write_bytes(pickle.dumps(Evil(path.with_name('trace'))))


def with_code(good, path):
    torch.save(dict(state_dict=weights(good), meta=Evil(path.with_name('trace'))), path)


def a_list(good, path):
    torch.save([1, 2], path)


def no_names(good, path):
    torch.save(dict(state_dict=[1, 2]), path)


def numbers_for_names(good, path):
    torch.save({1: torch.ones(1)}, path)


def no_tensors(good, path):
    torch.save(dict(state_dict=dict.fromkeys(weights(good), 1)), path)


def other_names(good, path):
    torch.save(dict(state_dict={f'net.{key}': value for key, value in weights(good).items()}), path)


def other_classes(good, path):
    torch.save(dict(state_dict=build(distilling(segmentor(num_classes=3))).state_dict()), path)


FILES = (missing, cut, empty, page, bare_pickle, with_code, a_list, no_names, numbers_for_names, no_tensors,
         other_names, other_classes)
TOOLS = {
    'test': ('tools/test.py', '{config}', '{file}', '--device', 'cpu', '--work-dir', '{root}/work'),
    'export': ('tools/export_student.py', '{config}', '{file}', '{root}/out.pth'),
    'visualize': ('tools/visualize.py', '{config}', '{file}', '--device', 'cpu', '--out', '{root}/pictures'),
}


@pytest.mark.parametrize('tool', TOOLS)
@pytest.mark.parametrize('make', FILES, ids=lambda make: make.__name__)
def test_a_tool_refuses_a_bad_checkpoint(trained, tmp_path, make, tool):
    good, config = trained
    file = tmp_path / 'bad.pth'
    make(good, file)
    check_tool_refuses(
        *[word.format(config=config, file=file, root=tmp_path) for word in TOOLS[tool]], found=['bad.pth'])
    assert not (tmp_path / 'trace').exists() and not (tmp_path / 'out.pth').exists()


@pytest.mark.parametrize('make', FILES, ids=lambda make: make.__name__)
def test_a_teacher_refuses_a_bad_checkpoint(trained, tmp_path, make):
    make(trained[0], tmp_path / 'bad.pth')
    teacher = dict(config=dict(segmentor(), _scope_='mmseg'), checkpoint=str(tmp_path / 'bad.pth'))
    check_refused(lambda: taught(tmp_path, teacher=teacher), 'bad.pth')
    assert not (tmp_path / 'trace').exists()


# A training goes through mmengine's own loader, which may run code; and starts from part of a model if it is told to.
RESUMED = [make for make in FILES if make not in (bare_pickle, with_code)]
STARTED = (missing, cut, empty, page, a_list, no_names, numbers_for_names)


@pytest.mark.parametrize('make', RESUMED, ids=lambda make: make.__name__)
def test_a_training_does_not_go_on_from_a_bad_checkpoint(trained, tmp_path, make):
    file = tmp_path / 'bad.pth'
    make(trained[0], file)
    check_tool_refuses(*train_words(trained, tmp_path), '--resume', file, found=['bad.pth'])
    assert not (tmp_path / 'work' / 'iter_1.pth').exists()


@pytest.mark.parametrize('make', STARTED, ids=lambda make: make.__name__)
def test_a_training_does_not_start_from_a_bad_checkpoint(trained, tmp_path, make):
    file = tmp_path / 'bad.pth'
    make(trained[0], file)
    check_tool_refuses(*train_words(trained, tmp_path), '--cfg-options', f'load_from={file}', found=['bad.pth'])


def train_words(trained, tmp_path):
    return 'tools/train.py', trained[1], '--device', 'cpu', '--work-dir', tmp_path / 'work'


@pytest.mark.parametrize('content', ['', 'nowhere.pth'])
def test_a_last_checkpoint_that_is_gone_is_told(trained, tmp_path, content):
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work' / 'last_checkpoint').write_text(content)
    check_tool_refuses(*train_words(trained, tmp_path), '--resume', found=['last_checkpoint', repr(content)])


def test_good_checkpoints_pass(trained, tmp_path):
    good, config = trained
    (tmp_path / 'work').mkdir()
    shutil.copy(good, tmp_path / 'work' / 'iter_1.pth')
    (tmp_path / 'work' / 'last_checkpoint').write_text(str(tmp_path / 'work' / 'iter_1.pth'))
    from mmkd.engine.checkpoint import require_start

    config = load_config(config, dict(work_dir=str(tmp_path / 'work'), resume=True))
    require_start(config, build(distilling(segmentor(), dict(frskd=dict(FRSKD)))))
    require_start(load_config(trained[1], dict(load_from=str(good))), build(segmentor(num_classes=7)))
