"""Knowledge distillation for mmsegmentation, mmdetection and mmpretrain: the distilled model is the student itself.

Importing mmkd registers its config scope and checks the versions of the host libraries; it imports no toolbox.
"""
from typing import Any

from mmkd.host_libraries import check_mmengine, register_config_scopes, warn_untested_versions
from mmkd.version import __version__

__all__ = ['Distiller', '__version__']

check_mmengine()
register_config_scopes()
warn_untested_versions()


def __getattr__(name: str) -> Any:
    # Distiller needs torch, which takes seconds to import, and a config only needs the scopes registered above.
    if name == 'Distiller':
        from mmkd.distiller import Distiller
        return Distiller
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
