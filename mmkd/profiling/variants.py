"""A distilling config with each of its methods alone, with all of them, and with none."""

import copy
from collections.abc import Sequence

from mmengine.config import Config

from mmkd.engine.config import distil, is_distilling, needs_teacher

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


def variants_by(fragments: Sequence[Config], config: Config, teacher: str | None = None) -> dict[str, Config]:
    """The configs to compare where several fragments distil one plain config: the plain student and every method alone.

    Args:
        fragments: Configs such as those of ``configs/_base_/methods``. Of a single one all methods together are
            compared, too.
        config: The plain config.
        teacher: Path or packaged name of the config of the external teacher of those methods that need one.

    Raises:
        ValueError: If the config distils already, a fragment has no methods, or two of them give a method one name.
    """
    found: dict[str, Config] = {}
    for fragment in fragments:
        distilled = distil(copy.deepcopy(config), fragment)
        if teacher is not None and any(map(needs_teacher, fragment.methods.values())):
            distilled.model.teacher = dict(config=teacher)
        added = variants(distilled)
        if len(fragments) > 1:
            added.pop('all methods', None)
        again = sorted((set(found) & set(added)) - {PLAIN})
        if again:
            raise ValueError(
                f'The fragment {fragment.filename!r} has a method {again[0]!r}, as one before it: profile them by two '
                'calls.'
            )
        found = {**found, **added}
    return found


def _with_methods(config: Config, names: list[str]) -> Config:
    config = copy.deepcopy(config)
    config.model.methods = {name: config.model.methods[name] for name in names}
    return config
