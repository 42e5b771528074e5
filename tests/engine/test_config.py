import copy

import pytest
from mmengine.config import Config

from mmkd.engine.config import (
    add_hook,
    add_import,
    distil,
    load_config,
    plain_model,
    set_teacher,
    undistil,
    without_teachers,
)

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


TEACHER = dict(config='old.py', checkpoint='old.pth')
TAUGHT = dict(kd=dict(type='mmkd.LogitKD'))


def taught(methods, teacher=TEACHER, **changes):
    student = dict(type='EncoderDecoder', neck=None)
    return Config(dict(model=dict(type='mmkd.Distiller', student=student, methods=methods, teacher=teacher), **changes))


def test_a_teacher_is_set_or_replaced():
    config = distil(plain(), Config(dict(methods=TAUGHT)))
    assert set_teacher(config, 'new.py', 'new.pth').model.teacher == dict(config='new.py', checkpoint='new.pth')
    before = dict(TEACHER, cache='folder', autocast='bfloat16', weight=2.0, trusted=True, taps=dict(neck='neck'))
    config = set_teacher(taught(TAUGHT, before), 'new.py', 'new.pth')
    kept = dict(cache='folder', autocast='bfloat16', weight=2.0)
    assert config.model.teacher == dict(config='new.py', checkpoint='new.pth', **kept)
    config = set_teacher(taught(TAUGHT, [before, TEACHER]), 'new.py', 'new.pth')
    assert config.model.teacher == dict(config='new.py', checkpoint='new.pth')


def test_a_plain_config_gets_no_teacher():
    with pytest.raises(ValueError, match=r'the config does not distil .*: add --distill FRAGMENT'):
        set_teacher(plain(), 'new.py', 'new.pth')


def test_without_external_teachers_methods_stay_that_teach_themselves():
    config = without_teachers(taught(dict(METHODS, **TAUGHT)))
    assert config.model.type == 'mmkd.Distiller' and config.model.methods == METHODS and 'teacher' not in config.model
    assert without_teachers(taught(TAUGHT)).model == dict(type='EncoderDecoder', neck=None)
    for config in (plain(), taught(METHODS, None)):
        assert without_teachers(copy.deepcopy(config)).model == config.model


def test_the_plain_model_is_the_student_with_its_data_preprocessor():
    assert plain_model(plain()) == dict(type='EncoderDecoder', neck=None)
    config = taught(TAUGHT)
    config.model.data_preprocessor = dict(mean=[1.0])
    assert plain_model(config) == dict(type='EncoderDecoder', neck=None, data_preprocessor=dict(mean=[1.0]))


def test_nothing_of_a_teacher_is_in_a_plain_config():
    hooks = [dict(type='mmkd.EvalTeacherHook'), dict(type='EMAHook')]
    imports = dict(imports=['mmkd'])
    config = undistil(taught(TAUGHT, teacher=TEACHER, custom_hooks=hooks, custom_imports=imports))
    text = config.pretty_text
    assert not any(word in text for word in ('mmkd', 'old.p', 'teacher', 'Teacher'))
    assert [hook.type for hook in config.custom_hooks] == ['EMAHook']
