"""Registries of mmkd: children of mmengine's, under the scope ``mmkd``.

A config names what lives here as ``mmkd.X`` whatever its default scope is. The modules behind a registry are imported
at the first look-up, and none of them imports a toolbox at import time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import STRATEGIES as MMENGINE_STRATEGIES
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

MODELS = Registry(
    'model',
    parent=MMENGINE_MODELS,
    scope='mmkd',
    locations=['mmkd.distiller', 'mmkd.losses', 'mmkd.networks', 'mmkd.methods', 'mmkd.datasets.multi_view'],
)
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope='mmkd', locations=['mmkd.hooks'])
DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, scope='mmkd', locations=['mmkd.datasets'])
TRANSFORMS = Registry(
    'transform',
    parent=MMENGINE_TRANSFORMS,
    scope='mmkd',
    locations=[
        'mmkd.datasets.evaluate_at_present_size',
        'mmkd.datasets.reproducible_transforms',
        'mmkd.datasets.rotated_views',
    ],
)
OPTIM_WRAPPERS = Registry('optim_wrapper', parent=MMENGINE_OPTIM_WRAPPERS, scope='mmkd', locations=['mmkd.hooks'])
STRATEGIES = Registry('strategy', parent=MMENGINE_STRATEGIES, scope='mmkd', locations=['mmkd.engine.fsdp_strategy'])


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell in one sentence why what a config describes cannot be built, where a registry or a toolbox refuses it.

    Args:
        what: How the sentence begins.

    Raises:
        KeyError: If a type is unknown.
        TypeError: If an argument is missing or unknown.
        ValueError: If a toolbox says that something else is wrong.
    """
    try:
        yield
    except (KeyError, TypeError, AssertionError, AttributeError, RuntimeError) as error:
        # mmengine adds a second sentence and a link.
        lines = str(error.args[0] if error.args else '').strip().splitlines()
        reason = lines[0].partition('. ')[0].rstrip('.') if lines else 'a check of the toolbox fails'
        kind = KeyError if isinstance(error, KeyError) else TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f'{what} cannot be built ({reason}): correct its config.') from error


def find_class(name: str) -> type | None:
    """The class of a registered model, loss or method, None if there is none of this name."""
    try:
        return MODELS.get(name)
    except RuntimeError:
        # mmengine's forks raise where the originals return None.
        return None
