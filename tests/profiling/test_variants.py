import pytest
from mmengine.config import Config

from mmkd.profiling.variants import variants, variants_by
from tests.runs import config_of
from tests.students import FRSKD, distilling, segmentor


@pytest.fixture
def two(tmp_path):
    config = config_of(tmp_path, distilling(segmentor(), dict(near=dict(FRSKD), far=dict(FRSKD))))
    config.custom_hooks = [dict(type='mmkd.ChannelsLastHook')]
    return config


def test_plain_each_method_and_all(two):
    found = variants(two)
    assert list(found) == ['plain', 'near', 'far', 'all methods']
    assert found['plain'].model == two.model.student
    assert [list(found[name].model.methods) for name in ('near', 'far', 'all methods')] == [
        ['near'],
        ['far'],
        ['near', 'far'],
    ]


def test_everything_else_stays(two):
    for config in variants(two).values():
        assert config.custom_hooks == two.custom_hooks and config.train_dataloader == two.train_dataloader
    assert list(two.model.methods) == ['near', 'far']


def test_one_method_is_all_methods(tmp_path):
    assert list(variants(config_of(tmp_path, distilling(segmentor())))) == ['plain', 'frskd']


def test_a_plain_config_has_nothing_to_compare(tmp_path):
    with pytest.raises(ValueError, match=r"distils nothing .*'EncoderDecoder'.* add --distill FRAGMENT"):
        variants(config_of(tmp_path))


def fragment(folder, name, method):
    (folder / f'{name}.py').write_text(f'methods = { {name: method} !r}')
    return Config.fromfile(folder / f'{name}.py')


def test_several_fragments_distil_one_plain_config(tmp_path):
    fragments = [fragment(tmp_path, 'frskd', dict(FRSKD)), fragment(tmp_path, 'logit_kd', dict(type='mmkd.LogitKD'))]
    found = variants_by(fragments, config_of(tmp_path), 'teacher.py')
    assert list(found) == ['plain', 'frskd', 'logit_kd']
    assert 'teacher' not in found['frskd'].model and found['logit_kd'].model.teacher.config == 'teacher.py'


def test_a_name_that_two_fragments_give_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"frskd.py' has a method 'frskd', as one before it: profile them by two"):
        variants_by([fragment(tmp_path, 'frskd', dict(FRSKD))] * 2, config_of(tmp_path))
