"""Read a config, plain or distilling, and turn one into the other."""

import importlib.util
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmkd.registry import find_class

DISTILLER = ('mmkd.Distiller', 'Distiller')


def load_config(path: str, options: dict[str, Any] | None = None) -> Config:
    """Read a config file, or a packaged one such as ``'mmkd::frskd/….py'``.

    Args:
        path: A path, or ``'<package>::<path below its configs>'``.
        options: Values that replace those of the file, by dotted key.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If the package of a ``::`` path is not installed.
        ValueError: If the file is no Python.
    """
    if '::' in path:
        config = _load_packaged(path)
    elif Path(path).is_file():
        config = _load_file(path)
    else:
        raise FileNotFoundError(
            f"There is no config {path!r}: give the path of a file, or a packaged one such as 'mmkd::frskd/NAME.py'."
        )
    config.merge_from_dict(options or {})
    return config


def _load_file(path: str) -> Config:
    try:
        return Config.fromfile(path)
    except SyntaxError as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f'The config {path!r} is not written in Python ({reason}): correct it.') from error


def _load_packaged(path: str) -> Config:
    package = path.partition('::')[0]
    # mmengine would try to pip-install what it does not find.
    if importlib.util.find_spec(package) is None:
        raise ImportError(
            f'The config {path!r} lies in the package {package!r}, which is not installed: install it, or give the '
            f'path of a file.'
        )
    from mmengine.hub import get_config

    try:
        return get_config(path)
    except (FileNotFoundError, ValueError) as error:
        raise FileNotFoundError(
            f'There is no config {path!r} ({error}): look for its name below the configs of {package!r}.'
        ) from error


def distil(config: Config, fragment: Config) -> Config:
    """Make a plain config distil by a fragment such as those of ``configs/_base_/methods``.

    Args:
        config: A config of mmseg, mmdet or mmpretrain.
        fragment: A config with ``methods``, and perhaps ``teacher``.

    Raises:
        ValueError: If the config distils already, or the fragment has no methods.
    """
    if is_distilling(config):
        raise ValueError(
            'The config distils already (its model is a mmkd.Distiller): leave --distill out, or give the plain config.'
        )
    if 'methods' not in fragment:
        raise ValueError(
            f"The fragment {fragment.filename} has no methods, but methods=dict(NAME=dict(type='mmkd.…')) is needed: "
            'choose one of configs/_base_/methods.'
        )
    student = dict(config.model)
    if 'data_preprocessor' in config:
        student.setdefault('data_preprocessor', config.data_preprocessor)
    config.model = dict(type='mmkd.Distiller', student=student, methods=fragment.methods)
    if fragment.get('teacher') is not None:
        config.model.teacher = fragment.teacher
    add_import(config, 'mmkd')
    return config


def set_teacher(config: Config, teacher: str, checkpoint: str) -> Config:
    """Let a distilling config learn from another teacher.

    ``weight``, ``autocast`` and ``cache`` of the single teacher that it had before stay.

    Args:
        config: A distilling config.
        teacher: The teacher's config: a path, or a packaged one such as ``'mmseg::…'``.
        checkpoint: The teacher's weights: a path or a URL.

    Raises:
        ValueError: If the config does not distil.
    """
    if not is_distilling(config):
        raise ValueError(
            '--teacher was given, but the config does not distil (its model is no mmkd.Distiller): add --distill '
            'FRAGMENT, or give a distilling config.'
        )
    before = config.model.get('teacher')
    before = before if isinstance(before, dict) else {}
    kept = {key: before[key] for key in ('weight', 'autocast', 'cache') if key in before}
    config.model.teacher = dict(config=teacher, checkpoint=checkpoint, **kept)
    return config


def without_teachers(config: Config) -> Config:
    """The config without external teachers, whose files only training needs, and without the methods they teach by.

    Methods of a student that teaches itself stay; where none is left, the config is that of the plain student.
    """
    if is_distilling(config) and config.model.get('teacher') is not None:
        methods = {name: method for name, method in config.model.methods.items() if not needs_teacher(method)}
        config.model.pop('teacher')
        config.model.methods = methods
        if not methods:
            config.model = plain_model(config)
    return config


def undistil(config: Config) -> Config:
    """The plain config of a distilling one: the student's model, and nothing of mmkd that only training needed.

    mmkd stays among the imports if the student itself is built of its networks.
    """
    config.model = plain_model(config)
    for key in ('student', 'methods', 'teacher', 'ramp'):
        config.pop(key, None)
    config.custom_hooks = [hook for hook in config.get('custom_hooks', []) if not str(hook['type']).startswith('mmkd.')]
    if config.get('optim_wrapper', {}).get('type') == 'mmkd.AutocastOptimWrapper':
        config.optim_wrapper.type = 'OptimWrapper'
    if (config.get('strategy') or {}).get('type') == 'mmkd.FSDPStrategy':
        config.strategy.type = 'FSDPStrategy'
    imports = config.pop('custom_imports', {}).get('imports', [])
    if 'mmkd.' not in config.pretty_text:
        imports = [name for name in imports if name.partition('.')[0] != 'mmkd']
    if imports:
        config.custom_imports = dict(imports=imports)
    return config


def require_model(config: Config) -> None:
    """Check that a config is that of a training.

    Raises:
        ValueError: If it has no model.
    """
    if not isinstance(config.get('model'), dict):
        raise ValueError(f'The config {config.filename!r} has no model: give the config of a training.')


def is_distilling(config: Config) -> bool:
    """Whether the model of a config is a ``mmkd.Distiller``.

    Raises:
        ValueError: If the config has no model.
    """
    require_model(config)
    return config.model.get('type') in DISTILLER


def plain_model(config: Config) -> dict:
    """The model of a plain config, or the student of a distilling one."""
    if not is_distilling(config):
        return config.model
    student = config.model.student
    if config.model.get('data_preprocessor') is not None:
        student.setdefault('data_preprocessor', config.model.data_preprocessor)
    return student


def has_subnets(config: Config) -> bool:
    """Whether the student of a config has a backbone of dynamic depth."""
    backbone = plain_model(config).get('backbone') or {}
    return bool(backbone.get('subnets'))


def needs_teacher(method: dict) -> bool:
    """Whether the config of a method names one that learns from an external teacher."""
    kind = method.get('type')
    return getattr(kind if isinstance(kind, type) else find_class(str(kind)), 'needs_teacher', False)


def add_import(config: Config, module: str) -> None:
    """Add a module to ``custom_imports``, so that any tool can run the config."""
    imports = list(config.get('custom_imports', {}).get('imports', []))
    config.custom_imports = dict(imports=[*imports, *({module} - set(imports))], allow_failed_imports=False)


def add_hook(config: Config, kind: str) -> None:
    """Add a hook to ``custom_hooks`` unless it is there."""
    hooks = list(config.get('custom_hooks', []))
    if all(hook['type'] != kind for hook in hooks):
        config.custom_hooks = [*hooks, dict(type=kind)]
