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


@pytest.fixture(scope='module')
def source(copy, tmp_path_factory):
    """A source distribution, as ``python -m build --sdist`` makes it."""
    folder = tmp_path_factory.mktemp('source')
    code = 'import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])'
    subprocess.run([sys.executable, '-c', code, str(folder)], cwd=copy, check=True, capture_output=True)
    return next(folder.glob('mmkd-*.tar.gz'))


def empty_environment(folder):
    """The python of a new virtual environment that holds no mmkd, only a way to the shared packages."""
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(folder)], check=True)
    packages = Path(pytest.__file__).parents[1]
    site = next(folder.glob('lib/python*/site-packages'))
    (site / 'shared.pth').write_text(f'import site; site.addsitedir({str(packages)!r})\n')
    return folder / 'bin' / 'python'


def install(python, *what, cwd):
    command = [str(python), '-m', 'pip', 'install', '--no-deps', '--no-build-isolation', *map(str, what)]
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


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
    assert all((mim / path.relative_to(REPO)).is_file() for path in REPO.glob('configs/*/metafile.yml'))
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
    folder = tmp_path / 'elsewhere'
    folder.mkdir()
    python = empty_environment(tmp_path / 'venv')
    for _ in range(2):
        install(python, '-e', '.', cwd=repo)
    for name in ('configs', 'tools', 'model-index.yml'):
        link = repo / 'mmkd' / '.mim' / name
        assert link.is_symlink()
        assert link.resolve() == (repo / name).resolve()
    *answers, module = resolve(python, folder)
    assert answers == ['42', '42']
    assert Path(module).parents[1] == repo


def test_source_distribution_installs_what_the_wheel_holds(source, wheel, tmp_path):
    python = empty_environment(tmp_path / 'venv')
    install(python, source, cwd=tmp_path)
    *answers, module = resolve(python, tmp_path)
    assert answers == ['42', '42']
    package = Path(module).parent
    assert package.is_relative_to(tmp_path / 'venv')
    assert files(package) == files(wheel / 'mmkd')


def files(package):
    return {path.relative_to(package) for path in package.rglob('*') if path.is_file() and path.suffix != '.pyc'}


def test_packaged_configs_resolve_with_all_that_they_build_on(wheel, tmp_path):
    code = (
        'from mmengine.config import Config; from mmengine.hub import get_config; import mmkd, sys\n'
        "open('child.py', 'w').write(f'_base_ = {sys.argv[1]!r}')\n"
        "print(Config.fromfile('child.py').model.type, get_config(sys.argv[1]).model.type)")
    name = 'mmkd::frskd/frskd_pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py'
    result = subprocess.run(
        [sys.executable, '-c', code, name], cwd=tmp_path, env={'PYTHONPATH': str(wheel)}, text=True,
        capture_output=True, check=True)
    assert result.stdout.split() == ['mmkd.Distiller'] * 2


def test_model_index_lists_every_metafile():
    listed = yaml.safe_load((REPO / 'model-index.yml').read_text())['Import']
    present = sorted(path.relative_to(REPO).as_posix() for path in REPO.glob('configs/*/metafile.yml'))
    assert sorted(listed) == present, 'model-index.yml must list exactly the files configs/*/metafile.yml'


def test_metafiles_name_configs_that_exist():
    for metafile in REPO.glob('configs/*/metafile.yml'):
        for model in yaml.safe_load(metafile.read_text())['Models']:
            assert (REPO / model['Config']).is_file(), f'{metafile} names {model["Config"]}, which does not exist'
