import hashlib
import json
import os
import subprocess
import sys

import pytest

from mmkd.datasets.demo import make, make_demo_data

FEW = dict(train=6, val=3, test=3)


def contents(root):
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob('*') if path.is_file()}


def test_equal_arguments_give_equal_bytes(tmp_path):
    first, again = (contents(make_demo_data(tmp_path / name, seed=1, **FEW)) for name in 'ab')
    assert first == again and len(first) == 4 + 3 * 12
    other = contents(make_demo_data(tmp_path / 'c', seed=2, **FEW))
    assert first['images/train/00000.jpg'] != other['images/train/00000.jpg']


def test_first_images_do_not_depend_on_how_many_follow(tmp_path):
    few = contents(make_demo_data(tmp_path / 'few', **FEW))
    more = contents(make_demo_data(tmp_path / 'more', train=9, val=3, test=3))
    same = [name for name in few if name.startswith(('images', 'masks', 'classification'))]
    assert len(same) == 36 and all(few[name] == more[name] for name in same)


def test_the_second_call_does_nothing(tmp_path, monkeypatch, capsys):
    root = make_demo_data(tmp_path / 'demo', **FEW)
    capsys.readouterr()
    monkeypatch.setattr(make, '_write', lambda *_: pytest.fail('written again'))
    assert make_demo_data(tmp_path / 'demo', **FEW) == root
    assert capsys.readouterr().out == ''


def test_other_arguments_say_what_stands_there_and_replace_it(tmp_path, capsys):
    make_demo_data(tmp_path / 'demo', seed=1, **FEW)
    make_demo_data(tmp_path / 'demo', seed=2, train=5, val=3, test=3)
    assert 'made with format 1, seed 1, size 64, train 6' in capsys.readouterr().out
    assert json.loads((tmp_path / 'demo' / 'demo.json').read_text())['seed'] == 2
    assert len(list((tmp_path / 'demo' / 'images' / 'train').iterdir())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ['demo']


def test_an_interrupted_run_keeps_what_stood_there(tmp_path, monkeypatch):
    before = contents(make_demo_data(tmp_path / 'demo', **FEW))

    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(make, 'draw_scene', interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_demo_data(tmp_path / 'demo', seed=1, **FEW)
    assert contents(tmp_path / 'demo') == before
    assert [path.name for path in tmp_path.iterdir()] == ['demo']


def test_a_faster_process_with_equal_arguments_is_no_error(tmp_path, monkeypatch):
    write = make._write

    def overtaken(root, arguments):
        write(root, arguments)
        monkeypatch.setattr(make, '_write', write)
        make_demo_data(tmp_path / 'demo', **FEW)
    monkeypatch.setattr(make, '_write', overtaken)
    assert (make_demo_data(tmp_path / 'demo', **FEW) / 'demo.json').is_file()
    assert [path.name for path in tmp_path.iterdir()] == ['demo']


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / 'holiday.jpg').write_bytes(b'precious')
    with pytest.raises(FileExistsError, match='holds no demo data'):
        make_demo_data(tmp_path, **FEW)
    assert (tmp_path / 'holiday.jpg').read_bytes() == b'precious'


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / 'demo').mkdir()
    assert (make_demo_data(tmp_path / 'demo', **FEW) / 'demo.json').is_file()


@pytest.mark.parametrize(('argument', 'value', 'sentence'), [
    ('seed', -1, 'seed is -1'), ('size', 16, 'size is 16 pixels, but must lie between 32 and 512'),
    ('size', 1000, 'size is 1000'), ('train', 0, 'train asks for 0 images'),
    ('test', 10**6, 'test asks for 1000000 images'),
    ('difficulty', 1.5, 'difficulty is 1.5'), ('difficulty', float('nan'), 'difficulty is nan'),
])
def test_bad_arguments_get_one_sentence(tmp_path, argument, value, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_demo_data(tmp_path / 'demo', **{**FEW, argument: value})
    assert not (tmp_path / 'demo').exists()


def test_the_command_line_ends_in_one_sentence(tmp_path):
    command = [sys.executable, 'tools/make_demo_data.py', str(tmp_path / 'demo'), '--size', '7']
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, 'PYTHONPATH': '.'})
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith('make_demo_data: size is 7 pixels')
    assert 'Traceback' not in done.stderr
