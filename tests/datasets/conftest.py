import pathlib

import pytest

from mmkd.datasets.demo import make_demo_data


@pytest.fixture(scope='session')
def demo(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A small set: 40 / 20 / 20 images."""
    return make_demo_data(tmp_path_factory.mktemp('data') / 'demo', seed=3, train=40, val=20, test=20, difficulty=0.7)
