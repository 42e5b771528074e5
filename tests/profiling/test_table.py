import pytest

from mmkd.profiling.table import describe_batch, make_table


def make_row(name, factor, off=()):
    values = dict(step_ms=100.0, peak_bytes=40e6, saved_bytes=20e6, macs=2e9, trained_parameters=1_100_000)
    return dict(
        name=name,
        terms_off=list(off),
        step_ms_spread=[factor - 0.1, factor + 0.1],
        deployed_parameters=1_100_000,
        ratios={**dict.fromkeys(values, factor), 'deployed_parameters': 1.0},
        **{key: factor * value for key, value in values.items()},
    )


@pytest.fixture
def profile():
    rows = [make_row('plain', 1.0), make_row('frskd', 1.5, ['frskd.feature'])]
    config = dict(config='frskd_tiny', images=[[64, 64], [57, 60]], synthetic=False, rows=rows)
    environment = dict(
        versions=dict(torch='2.10.0 (torch)'), cpu='Some CPU', device='cpu', threads=1, date='2026-01-01', git=None
    )
    return dict(command='python tools/profile_overhead.py x.py', rounds=20, environment=environment, configs=[config])


def test_plain_numbers_and_ratios(profile):
    lines = make_table(profile).splitlines()
    assert '| plain | 100 ms | 40.0 MB | 20.0 MB | 2.00 G | 1.100 M | 1.100 M |' in lines
    assert (
        '| frskd | 1.50 x (150 ms) | 1.50 x (60.0 MB) | 1.50 x (30.0 MB) | 1.50 x (3.00 G) | 1.50 x (1.650 M) '
        '| 1.00 x (1.100 M) |' in lines
    )


def test_what_is_not_in_the_numbers_is_said(profile):
    assert 'the weight is 0 at the end of training: frskd: frskd.feature.' in make_table(profile)
    profile['configs'][0]['rows'][1]['terms_off'] = []
    assert 'weight is 0' not in make_table(profile)


def test_how_memory_was_measured_depends_on_the_device(profile):
    assert "torch's CPU allocator" in make_table(profile) and 'median of 20 rounds' in make_table(profile)
    profile['environment']['device'] = 'cuda'
    assert 'torch.cuda.max_memory_allocated' in make_table(profile)


def test_batches(profile):
    config = profile['configs'][0]
    assert describe_batch(config) == 'Batch of 2 images of up to 64 x 64'
    assert describe_batch({**config, 'images': [[32, 48]], 'synthetic': True}) == (
        'Batch of 1 image of 32 x 48 (random ones)'
    )


def test_a_model_without_parameters_has_no_ratio(profile):
    profile['configs'][0]['rows'][1]['ratios']['macs'] = None
    assert '| 3.00 G |' in make_table(profile)
