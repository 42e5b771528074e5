"""Reading checkpoints of friends, strangers and enemies."""

import os
import pickle
import zipfile
from collections import OrderedDict
from functools import partial

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from mmkd.engine.safe_load import load_safely
from tests.runs import config_of, train


class Calls:
    """An object whose unpickling calls a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.fixture
def trace(tmp_path):
    """What hostile files would leave behind."""
    return tmp_path / 'trace'


def hostile(trace):
    return dict(
        system=Calls(os.system, f'touch {trace}'),
        open=Calls(open, str(trace), 'w'),
        evaluated=Calls(eval, f"open({str(trace)!r}, 'w')"),
        executed=Calls(exec, f"open({str(trace)!r}, 'w')"),
        imported=Calls(getattr, Calls(__import__, 'os'), 'system'),
        of_torch=Calls(torch.save, [1], str(trace)),
        of_mmengine=Calls(Config.fromfile, str(trace)),
        partial=partial(os.mkdir, str(trace)),
    )


@pytest.mark.parametrize('kind', list(hostile('x')))
@pytest.mark.parametrize('place', ['whole', 'beside', 'inside'])
@pytest.mark.parametrize('zipped', [True, False])
def test_a_pickle_that_would_run_code_runs_nothing(tmp_path, trace, kind, place, zipped):
    evil = hostile(trace)[kind]
    content = dict(
        whole=evil, beside=dict(state_dict=dict(a=torch.ones(2)), meta=evil), inside=dict(state_dict=dict(a=evil))
    )[place]
    torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
    try:
        load_safely(tmp_path / 'a.pth')
    except ValueError as error:
        assert 'holds more than weights (' in str(error) and 'trusted=True' in str(error)
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 400
    else:
        raise AssertionError('the file was read')
    assert not trace.exists()


def test_a_bare_pickle_runs_nothing(tmp_path, trace):
    (tmp_path / 'a.pth').write_bytes(pickle.dumps(hostile(trace)['open']))
    with pytest.raises(ValueError, match=r"The checkpoint '.*a\.pth'"):
        load_safely(tmp_path / 'a.pth')
    assert not trace.exists()


def test_a_trusted_file_is_read_whatever_it_is(tmp_path, trace):
    torch.save(dict(meta=hostile(trace)['system'], config=Config(dict(a=1))), tmp_path / 'a.pth')
    assert load_safely(tmp_path / 'a.pth', trusted=True)['config'].a == 1
    assert trace.exists()


def test_weights_and_plain_values_come_back(tmp_path):
    content = OrderedDict(
        state_dict=OrderedDict(a=torch.arange(3.0), b=torch.tensor(2, dtype=torch.int64)),
        meta=dict(epoch=3, classes=('a', 'b'), palette=[[1, 2, 3]], seed=None, time=1.5, flag=True),
        numbers=np.arange(4, dtype=np.uint8),
        mean=np.float64(0.25),
    )
    content['state_dict']._metadata = OrderedDict({'': dict(version=2)})
    torch.save(content, tmp_path / 'a.pth')
    loaded = load_safely(tmp_path / 'a.pth')
    assert torch.equal(loaded['state_dict']['a'], content['state_dict']['a'])
    assert loaded['state_dict']._metadata == content['state_dict']._metadata
    assert loaded['meta'] == content['meta'] and loaded['mean'] == 0.25
    assert loaded['numbers'].tolist() == [0, 1, 2, 3]


def test_what_a_training_writes_is_read(tmp_path):
    train(config_of(tmp_path, max_iters=1, custom_hooks=[dict(type='mmkd.RandomStateHook')]))
    loaded = load_safely(tmp_path / 'work' / 'iter_1.pth')
    expected = torch.load(tmp_path / 'work' / 'iter_1.pth', weights_only=False)
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(value, expected['state_dict'][key]) for key, value in loaded['state_dict'].items())


def test_log_buffers_written_with_the_first_numpy_are_read(tmp_path):
    torch.save(dict(state_dict=dict(a=torch.ones(2)), log=HistoryBuffer([0.5], [1])), tmp_path / 'new.pth')
    with zipfile.ZipFile(tmp_path / 'new.pth') as new, zipfile.ZipFile(tmp_path / 'old.pth', 'w') as old:
        for entry in new.infolist():
            old.writestr(entry, new.read(entry).replace(b'numpy._core', b'numpy.core'))
    for name in ('new', 'old'):
        assert torch.equal(load_safely(tmp_path / f'{name}.pth')['state_dict']['a'], torch.ones(2))


@pytest.mark.parametrize(
    'content', [b'', b'<html>not found</html>', b'PK\x03\x04' + bytes(50)], ids=['empty', 'page', 'zip']
)
def test_a_damaged_file_is_told_from_a_hostile_one(tmp_path, content):
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(ValueError, match=r"The checkpoint '.*a\.pth' cannot be read \(.*\): it is damaged or no check"):
        load_safely(tmp_path / 'a.pth')


def test_a_cut_file_is_damaged(tmp_path):
    torch.save(dict(state_dict=dict(a=torch.randn(100, 100))), tmp_path / 'a.pth')
    data = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match='it is damaged or no checkpoint'):
        load_safely(tmp_path / 'a.pth')


def test_a_url_is_fetched_once_and_read_as_safely(tmp_path, trace, monkeypatch):
    monkeypatch.setattr('torch.hub.get_dir', lambda: str(tmp_path / 'hub'))
    for folder, value in (('one', 1.0), ('two', 2.0)):
        (tmp_path / folder).mkdir()
        torch.save(dict(state_dict=dict(a=torch.tensor(value))), tmp_path / folder / 'a.pth')
    urls = [(tmp_path / folder / 'a.pth').as_uri() for folder in ('one', 'two')]
    assert [load_safely(url)['state_dict']['a'].item() for url in urls] == [1.0, 2.0]
    torch.save(hostile(trace)['open'], tmp_path / 'one' / 'a.pth')
    assert load_safely(urls[0])['state_dict']['a'].item() == 1.0
    torch.save(hostile(trace)['open'], tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='holds more than weights'):
        load_safely((tmp_path / 'evil.pth').as_uri())
    assert not trace.exists()


def test_a_url_that_leads_nowhere_is_no_damaged_file(tmp_path, monkeypatch):
    monkeypatch.setattr('torch.hub.get_dir', lambda: str(tmp_path))
    with pytest.raises(OSError):
        load_safely((tmp_path / 'nowhere.pth').as_uri())
