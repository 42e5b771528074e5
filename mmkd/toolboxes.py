"""Which toolbox is at hand."""

import importlib.util
import sys

from mmengine.registry import DefaultScope

TOOLBOXES = ('mmpretrain', 'mmseg', 'mmdet')


def present_toolbox() -> str:
    """The toolbox of the default scope; without one the first that is imported, or else installed.

    Raises:
        ImportError: If none is installed.
    """
    scope = DefaultScope.get_current_instance()
    if scope is not None and scope.scope_name in TOOLBOXES:
        return scope.scope_name
    here = [name for name in TOOLBOXES if name in sys.modules]
    here += [name for name in TOOLBOXES if importlib.util.find_spec(name) is not None]
    if not here:
        raise ImportError(f'None of {", ".join(TOOLBOXES)} is installed, but one is needed: install it.')
    return here[0]
