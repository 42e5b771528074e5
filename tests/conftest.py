"""What every test runs under."""
import os
from pathlib import Path

os.environ.setdefault('MPLBACKEND', 'Agg')

import pytest
import torch
from mmengine.utils import ManagerMixin
from yapf.yapflib import yapf_api

torch.set_num_threads(1)


def format_once(format_code):
    """mmengine formats the config anew for every checkpoint, which takes more than half of a tiny training's time."""
    known = {}

    def format_or_remember(text, **options):
        if text not in known:
            known[text] = format_code(text, **options)
        return known[text]

    return format_or_remember


yapf_api.FormatCode = format_once(yapf_api.FormatCode)


def managers(base):
    for manager in base.__subclasses__():
        yield manager
        yield from managers(manager)


@pytest.fixture(autouse=True)
def fresh_state():
    """mmengine keeps loggers, message hubs, scopes and visualizers by name, and would hand them on to the next test."""
    torch.manual_seed(0)
    forget_managers()
    yield
    # fixtures of a module are made before this one of the next test
    forget_managers()


def forget_managers():
    for manager in managers(ManagerMixin):
        for instance in manager._instance_dict.values():
            for handler in getattr(instance, 'handlers', ()):
                handler.close()
        manager._instance_dict.clear()


@pytest.fixture(scope='session')
def shared():
    """The folder with reference numbers and data, which not everybody has."""
    path = Path(__file__).resolve().parents[2] / 'shared'
    if not path.is_dir():
        pytest.skip('the reference folder ../shared is absent')
    return path
