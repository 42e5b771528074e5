"""A distilling config with each of its methods alone, with all of them, and with none."""

import copy

from mmengine.config import Config

from mmkd.engine.config import is_distilling

PLAIN = 'plain'


def variants(config: Config) -> dict[str, Config]:
    """The configs to compare, by name: the plain student, each method alone, and all methods if there are several.

    Everything but the model stays as it is, hooks included.

    Raises:
        ValueError: If the config does not distil.
    """
    if not is_distilling(config):
        raise ValueError(
            f'The config {config.filename!r} distils nothing (its model is a {config.model.get("type")!r}): give a '
            'distilling one, or add --distill FRAGMENT.'
        )
    plain = copy.deepcopy(config)
    plain.model = plain.model.student
    methods = config.model.methods
    found = {PLAIN: plain, **{name: _with_methods(config, [name]) for name in methods}}
    if len(methods) > 1:
        found['all methods'] = _with_methods(config, list(methods))
    return found


def _with_methods(config: Config, names: list[str]) -> Config:
    config = copy.deepcopy(config)
    config.model.methods = {name: config.model.methods[name] for name in names}
    return config
