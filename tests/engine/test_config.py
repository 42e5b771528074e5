import pytest
from mmengine.config import Config

from mmkd.engine.config import add_hook, add_import, distil, load_config, undistil

METHODS = dict(frskd=dict(type='mmkd.FRSKD'))


def plain(**changes):
    return Config(
        dict(model=dict(type='EncoderDecoder', neck=None), optim_wrapper=dict(type='OptimWrapper'), **changes)
    )


def test_distilling_and_back_gives_the_plain_config():
    config = distil(plain(), Config(dict(methods=METHODS)))
    assert config.model.type == 'mmkd.Distiller' and config.model.methods == METHODS
    assert undistil(config).model == plain().model
    assert 'custom_imports' not in config


def test_a_data_preprocessor_beside_the_model_goes_into_the_student():
    config = distil(plain(data_preprocessor=dict(mean=[0.0])), Config(dict(methods=METHODS)))
    assert config.model.student.data_preprocessor.mean == [0.0]


def test_a_student_of_mmkds_networks_keeps_the_import():
    config = plain(custom_imports=dict(imports=['mmkd', 'other']))
    config.model.neck = dict(type='mmkd.BiFPN')
    assert undistil(config).custom_imports.imports == ['mmkd', 'other']
    config.model.neck = dict(type='FPN')
    assert undistil(config).custom_imports.imports == ['other']


def test_hooks_and_wrapper_of_mmkd_are_left_out_of_a_plain_config():
    config = plain()
    config.optim_wrapper.type = 'mmkd.AutocastOptimWrapper'
    config.custom_hooks = [dict(type='mmkd.RandomStateHook'), dict(type='EMAHook')]
    config = undistil(config)
    assert config.optim_wrapper.type == 'OptimWrapper'
    assert [hook.type for hook in config.custom_hooks] == ['EMAHook']


def test_imports_and_hooks_are_added_once():
    config = plain(custom_imports=dict(imports=['mine']))
    for _ in range(2):
        add_import(config, 'mmkd')
        add_hook(config, 'mmkd.RandomStateHook')
    assert config.custom_imports.imports == ['mine', 'mmkd']
    assert len(config.custom_hooks) == 1


def test_a_config_that_distils_is_not_distilled_again():
    config = distil(plain(), Config(dict(methods=METHODS)))
    with pytest.raises(ValueError, match='distils already'):
        distil(config, Config(dict(methods=METHODS)))


def test_options_replace_values(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text("model = dict(type='X', depth=18)")
    assert load_config(str(path), {'model.depth': 50}).model.depth == 50
