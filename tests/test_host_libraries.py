import subprocess
import sys
import warnings
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import mmengine
import pytest
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.hub import get_config
from mmengine.utils import package_utils

import mmkd
from mmkd import host_libraries
from mmkd.host_libraries import HOST_LIBRARIES, is_tested

REPO = Path(__file__).resolve().parents[1]
BY_MODULE = {library.module: library for library in HOST_LIBRARIES}


@pytest.fixture
def installed(monkeypatch):
    """Pretend that exactly these distributions are installed."""
    found = {}

    def version(name):
        if name not in found:
            raise PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(host_libraries, 'version', version)
    return found


def messages():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        host_libraries.warn_untested_versions()
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(('module', 'version', 'expected'), [
    ('mmengine', '0.10.7', True), ('mmengine', '0.10.12', True), ('mmengine', '0.10.99', True),
    ('mmengine', '0.10.6', False), ('mmengine', '0.11.0', False),
    ('mmcv', '2.1.0', True), ('mmcv', '2.2.0', True), ('mmcv', '2.1.0rc1', False), ('mmcv', '2.4.0', False),
    ('mmseg', '1.2.2', True), ('mmseg', '0.30.0', False), ('mmdet', '3.5.1', True), ('mmdet', '2.28.0', False),
    ('mmpretrain', '1.2.0', True), ('mmpretrain', '2.0.0', False),
    ('torch', '2.10.0+cpu', True), ('torch', '2.9.1', False), ('torch', '2.11.0', False)])
def test_tested_range(module, version, expected):
    assert is_tested(BY_MODULE[module], version) is expected


def test_versions_of_originals_and_forks_pass_in_silence(installed):
    installed.update({
        'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmsegmentation': '1.2.2', 'mmdet': '3.3.0', 'mmpretrain': '1.2.0',
        'torch': '2.10.0'})
    assert messages() == []
    installed.clear()
    installed.update({
        'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6', 'onedl-mmsegmentation': '1.4.2',
        'onedl-mmdetection': '3.5.1', 'onedl-mmpretrain': '1.3.6', 'torch': '2.10.0+cu128'})
    assert messages() == []


def test_untested_version_is_said_in_one_sentence(installed):
    installed.update({'mmengine': '0.10.7', 'onedl-mmsegmentation': '1.9.0'})
    assert messages() == ['onedl-mmsegmentation 1.9.0 is installed, and mmkd is tested with 1.2.2 to 1.4.2: '
                          'install a tested version if something fails.']


def test_missing_mmengine_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setattr(host_libraries, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='mmengine is not installed: install onedl-mmengine'):
        host_libraries.check_mmengine()


@pytest.mark.parametrize('config', [
    'mmseg::pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py', 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py',
    'mmpretrain::resnet/resnet18_8xb16_cifar10.py'])
def test_toolbox_configs_resolve_without_pip(config, monkeypatch, tmp_path):
    pytest.importorskip(config.partition('::')[0])
    monkeypatch.setattr(package_utils, 'call_command', lambda command: pytest.fail(f'mmengine ran {command}'))
    assert 'model' in get_config(config)
    child = tmp_path / 'child.py'
    child.write_text(f"_base_ = '{config}'\n")
    assert 'model' in mmengine.Config.fromfile(child)


def test_absent_toolbox_keeps_the_name_of_its_distribution(monkeypatch):
    monkeypatch.setitem(MODULE2PACKAGE, 'mmseg', 'mmsegmentation')
    monkeypatch.setattr(host_libraries, 'find_spec', lambda name: None)
    host_libraries.register_config_scopes()
    assert MODULE2PACKAGE['mmseg'] == 'mmsegmentation'


def test_import_is_light():
    code = 'import sys, mmkd; print([m for m in ("torch", "mmcv", "mmseg", "mmdet", "mmpretrain") if m in sys.modules])'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=REPO)
    assert result.stdout.strip() == '[]'


def test_distiller_is_reached_lazily():
    from mmkd.distiller import Distiller
    assert mmkd.Distiller is Distiller
    with pytest.raises(AttributeError, match="no attribute 'Destiller'"):
        _ = mmkd.Destiller
