import subprocess

import pytest

from mmkd.benchmark.environment import describe_environment, without_paths


@pytest.mark.parametrize(
    'text, clean',
    [
        ("File '/home/me/a b.py', line 3", "File 'a b.py', line 3"),
        ('--work-dir /x/y/z --jobs 2', '--work-dir z --jobs 2'),
        ('configs/frskd/demo.py', 'configs/frskd/demo.py'),
        ('../shared/x', '../shared/x'),
        ('ratio 3/4/5', 'ratio 3/4/5'),
        ('a=/data/set/img', 'a=img'),
    ],
)
def test_absolute_paths_are_cut(text, clean):
    assert without_paths({'a': [text, 3]}) == {'a': [clean, 3]}


def test_environment_knows_versions_and_commit(tmp_path):
    assert (
        describe_environment(tmp_path)['versions']['torch'].endswith('(torch)')
        and describe_environment(tmp_path)['git'] is None
    )
    repository = tmp_path / 'repository'
    repository.mkdir()
    for words in (
        ['init', '-q'],
        ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'x'],
    ):
        subprocess.run(['git', *words], cwd=repository, check=True)
    assert (
        len(describe_environment(repository)['git']['commit']) == 40
        and describe_environment(repository)['git']['dirty'] is False
    )
