import json
import math

import pytest
from mmengine.logging import MessageHub

from mmkd.schedules import Constant, Ramp, build_schedule
from tests.reference import load

PUBLISHED = dict(type='Ramp', begin=40, end=60, shape='sigmoid')


def progress(**info):
    hub = MessageHub.get_current_instance()
    for key, value in info.items():
        hub.update_info(key, value)


def test_a_number_is_a_constant():
    schedule = build_schedule(2, 'weight')
    assert schedule == Constant(2.0)
    assert schedule.now() == schedule.at(1000) == 2.0


def test_the_published_ramp_of_frskd_segmentation():
    values = load('frskd')['method']['ramp_of_the_segmentation_code']['values']
    schedule = build_schedule(PUBLISHED, 'weight')
    for epoch, value in values.items():
        assert math.isclose(schedule.at(int(epoch)), value, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize('shape, middle', [('linear', 0.5), ('sigmoid', math.exp(-1.25)), ('cosine', 0.5)])
def test_shapes(shape, middle):
    ramp = Ramp(begin=10, end=20, start=1.0, stop=3.0, shape=shape)
    assert ramp.at(9) == 1.0
    assert math.isclose(ramp.at(14), 1 + 2 * middle)
    assert ramp.at(19) == ramp.at(20) == ramp.at(10**6) == 3.0
    values = [ramp.at(moment) for moment in range(30)]
    assert values == sorted(values)


def test_a_ramp_may_fall_and_may_be_a_step():
    assert Ramp(begin=0, end=4, start=1.0, stop=0.0).at(1) == 0.5
    step = Ramp(begin=5, end=5)
    assert [step.at(4), step.at(5)] == [0.0, 1.0]


def test_the_value_follows_the_runner_by_epoch_or_iteration():
    progress(epoch=50, iter=3, max_epochs=60, max_iters=600)
    assert math.isclose(build_schedule(PUBLISHED, 'weight').now(), 0.3633095693590114)
    assert Ramp(begin=0, end=8, by_epoch=False).now() == 0.5


def test_a_relative_ramp_follows_the_length_of_the_run():
    ramp = Ramp(begin=2 / 3, end=1.0, by_epoch=False, shape='sigmoid', relative=True)
    for iteration, epoch in ((0, 0), (40, 40), (50, 50), (59, 59)):
        progress(iter=iteration, max_iters=60)
        assert math.isclose(ramp.now(), Ramp(begin=40, end=60, shape='sigmoid').at(epoch))


def test_a_ramp_has_no_state():
    ramp = Ramp(begin=2, end=8, by_epoch=False)
    progress(iter=5)
    once = ramp.now()
    progress(iter=1)
    assert ramp.now() == 0
    progress(iter=5)
    assert ramp.now() == once


def test_a_ramp_over_epochs_that_an_iteration_based_run_never_reaches_is_said_once(capsys):
    progress(epoch=0, max_epochs=1)
    ramp = build_schedule(PUBLISHED, 'weight')
    assert ramp.now() == ramp.now() == 0
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count('set by_epoch=False') == 1


@pytest.mark.parametrize(
    'value, error, message',
    [
        (-1, ValueError, 'weight is -1, but it must be finite and 0 or more'),
        (float('nan'), ValueError, 'must be finite'),
        ('much', TypeError, "weight='much' is a str"),
        (True, TypeError, 'is a bool'),
        (dict(type='Ramp', begin=5, end=4), ValueError, 'begin=5 and end=4'),
        (dict(type='Ramp', begin=-5, end=4), ValueError, 'begin=-5'),
        (dict(type='Ramp', begin=0, end=4, shape='square'), ValueError, "shape='square'"),
        (dict(type='Ramp', begin=0, end=4, stop=-1.0), ValueError, 'must be finite and 0 or more'),
        (dict(type='Ramp', begin=0), ValueError, 'begin and end are needed'),
        (dict(type='Slope', begin=0, end=4), ValueError, "schedule type 'Slope'"),
    ],
)
def test_bad_values_are_explained(value, error, message):
    with pytest.raises(error, match=message):
        build_schedule(value, 'weight')


def test_a_temperature_must_be_above_zero():
    with pytest.raises(ValueError, match='temperature is 0, but it must be finite and above 0'):
        build_schedule(0, 'temperature', positive=True)


def test_configs_of_schedules_survive_json():
    assert build_schedule(json.loads(json.dumps(PUBLISHED)), 'weight') == Ramp(begin=40, end=60, shape='sigmoid')
