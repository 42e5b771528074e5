import json
import math

import pytest
from mmengine.logging import MessageHub

from mmkd.schedules import Anneal, Constant, Ramp, build_schedule
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
        (dict(type='Slope', begin=0, end=4), ValueError, "schedule type 'Slope', but only 'Ramp' and 'Anneal' exist"),
        (dict(type='Ramp', begin=0, end=4, shape='exp'), ValueError, "shape='exp' from 0.0 to 1.0"),
        (dict(type='Anneal', start=1.0, stop=0.0, shape='exp'), ValueError, "shape='exp' from 1.0 to 0.0"),
        (dict(type='Anneal', start=1.0, stop=2.0, shape='square'), ValueError, "Anneal has shape='square'"),
        (dict(type='Anneal', start=1.0), ValueError, 'start and stop are needed and start, stop, shape, by_epoch are'),
        (dict(type='Anneal', start=1.0, stop=-1.0), ValueError, 'must be finite and 0 or more'),
    ],
)
def test_bad_values_are_explained(value, error, message):
    with pytest.raises(error, match=message):
        build_schedule(value, 'weight')


def test_a_temperature_must_be_above_zero():
    with pytest.raises(ValueError, match='temperature is 0, but it must be finite and above 0'):
        build_schedule(0, 'temperature', positive=True)


@pytest.mark.parametrize('shape', ['linear', 'cosine', 'exp'])
def test_the_recorded_temperatures_of_a_whole_run(shape):
    recorded = load('trg')['method']['temperature']
    anneal = Anneal(0.5, 0.07, shape)
    ramp = Ramp(begin=1, end=recorded['epochs'], start=0.5, stop=0.07, shape=shape)
    for epoch in (0, 60, 120, 239):
        value = recorded['values'][f'{shape}_e{epoch}']
        assert math.isclose(anneal.at(epoch, recorded['epochs']), value, rel_tol=1e-9)
        assert math.isclose(ramp.at(epoch), value, rel_tol=1e-9)


def test_the_same_ratio_at_every_moment():
    ramp = Ramp(begin=0, end=3, start=16.0, stop=2.0, shape='exp')
    assert [ramp.at(moment) for moment in range(-1, 4)] == pytest.approx([16, 8, 4, 2, 2])


def test_annealing_ends_with_the_run_however_long_it_is():
    anneal = build_schedule(dict(type='mmkd.Anneal', start=1.0, stop=0.0), 'weight')
    for length in (2, 5, 1000):
        assert anneal.at(0, length) == 1 and anneal.at(length - 1, length) == anneal.at(length, length) == 0
    assert anneal.at(1, 5) == 0.75
    assert anneal.at(0, 1) == anneal.at(3, 1) == 1
    assert not anneal.always_zero and Anneal(0.0, 0.0).always_zero


@pytest.mark.parametrize(
    'by_epoch, max_epochs, value', [(None, 5, 0.75), (None, 1, 0.9), (True, 5, 0.75), (True, 1, 1), (False, 5, 0.9)]
)
def test_annealing_follows_epochs_or_iterations(by_epoch, max_epochs, value):
    anneal = Anneal(1.0, 0.0, by_epoch=by_epoch)
    assert anneal.now() == 1.0  # outside a run
    progress(epoch=1 if max_epochs > 1 else 0, max_epochs=max_epochs, iter=10, max_iters=101)
    assert anneal.now() == value


def test_configs_of_schedules_survive_json():
    assert build_schedule(json.loads(json.dumps(PUBLISHED)), 'weight') == Ramp(begin=40, end=60, shape='sigmoid')
