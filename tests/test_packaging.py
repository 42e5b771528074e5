import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[1]
RESOLVE = """
import subprocess
import sys
import mmkd
from mmengine.config import Config
from mmengine.hub import get_config
subprocess.check_call = None
open('child.py', 'w').write("_base_ = 'mmkd::probe/probe.py'")
print(Config.fromfile('child.py').answer, get_config('mmkd::probe/probe.py').answer, mmkd.__file__)
"""


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    """A copy of what is packaged, with one more config, and leftovers of an earlier build."""
    repo = tmp_path_factory.mktemp('copy')
    for name in ('mmkd', 'configs', 'tools'):
        shutil.copytree(REPO / name, repo / name, ignore=shutil.ignore_patterns('__pycache__', '.mim'))
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'model-index.yml', 'LICENSE', 'README.md'):
        if (REPO / name).exists():
            shutil.copy(REPO / name, repo / name)
    (repo / 'configs' / 'probe').mkdir()
    (repo / 'configs' / 'probe' / 'probe.py').write_text('answer = 42\n')
    models = [{'Name': 'probe', 'In Collection': 'probe', 'Config': 'configs/probe/probe.py'}]
    (repo / 'configs' / 'probe' / 'metafile.yml').write_text(yaml.safe_dump({'Models': models}))
    (repo / 'model-index.yml').write_text(yaml.safe_dump({'Import': ['configs/probe/metafile.yml']}))
    stale = repo / 'build' / 'lib' / 'mmkd' / '.mim' / 'configs'
    stale.mkdir(parents=True)
    (stale / 'stale.py').write_text('')
    return repo


@pytest.fixture(scope='module')
def wheel(copy, tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '.', '--no-deps', '--no-build-isolation', '-w', str(folder)], cwd=copy,
        check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob('*.whl'))) as archive:
        archive.extractall(folder / 'installed')
    return folder / 'installed'


def resolve(python, folder, **variables):
    result = subprocess.run(
        [str(python), '-c', RESOLVE], cwd=folder, env=variables, text=True, capture_output=True, check=True)
    return result.stdout.split()


def test_wheel_has_the_layout_of_mim(wheel):
    mim = wheel / 'mmkd' / '.mim'
    assert yaml.safe_load((mim / 'model-index.yml').read_text())['Import'] == ['configs/probe/metafile.yml']
    assert (mim / 'tools' / 'environment.py').is_file()
    shipped = {path.relative_to(mim).as_posix() for path in mim.glob('configs/**/*.py')}
    assert {path.relative_to(REPO).as_posix() for path in REPO.glob('configs/**/*.py')} <= shipped
    assert 'configs/stale.py' not in shipped


def test_wheel_touches_nothing_that_is_installed(wheel):
    metadata = next(wheel.glob('mmkd-*.dist-info/METADATA')).read_text()
    assert 'Requires-Dist' not in metadata
    assert 'Requires-Python: >=3.10' in metadata
    assert next(wheel.glob('mmkd-*.dist-info/top_level.txt')).read_text().split() == ['mmkd']


def test_configs_of_the_wheel_resolve_from_anywhere(wheel, tmp_path):
    *answers, module = resolve(sys.executable, tmp_path, PYTHONPATH=str(wheel))
    assert answers == ['42', '42']
    assert Path(module).parents[1] == wheel


def test_building_a_wheel_leaves_the_source_alone(copy, wheel):
    assert not (copy / 'mmkd' / '.mim').exists()


def test_editable_installation_follows_the_source(copy, tmp_path):
    repo = shutil.copytree(copy, tmp_path / 'clone')
    venv, folder = tmp_path / 'venv', tmp_path / 'elsewhere'
    folder.mkdir()
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(venv)], check=True)
    python = venv / 'bin' / 'python'
    site = next(venv.glob('lib/python*/site-packages'))
    packages = Path(pytest.__file__).parents[1]
    (site / 'shared.pth').write_text(f'import site; site.addsitedir({str(packages)!r})\n')
    for _ in range(2):
        subprocess.run(
            [str(python), '-m', 'pip', 'install', '--no-deps', '--no-build-isolation', '-e', '.'], cwd=repo, check=True,
            capture_output=True)
    for name in ('configs', 'tools', 'model-index.yml'):
        link = repo / 'mmkd' / '.mim' / name
        assert link.is_symlink()
        assert link.resolve() == (repo / name).resolve()
    *answers, module = resolve(python, folder)
    assert answers == ['42', '42']
    assert Path(module).parents[1] == repo


def test_model_index_lists_every_metafile():
    listed = yaml.safe_load((REPO / 'model-index.yml').read_text())['Import']
    present = sorted(path.relative_to(REPO).as_posix() for path in REPO.glob('configs/*/metafile.yml'))
    assert sorted(listed) == present, 'model-index.yml must list exactly the files configs/*/metafile.yml'


def test_metafiles_name_configs_that_exist():
    for metafile in REPO.glob('configs/*/metafile.yml'):
        for model in yaml.safe_load(metafile.read_text())['Models']:
            assert (REPO / model['Config']).is_file(), f'{metafile} names {model["Config"]}, which does not exist'
