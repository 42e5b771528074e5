"""What mmkd needs to know about the OpenMMLab libraries that it finds installed, found out without importing them."""
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import NamedTuple


class HostLibrary(NamedTuple):
    """A library that mmkd works on, and the versions it was tested with.

    Args:
        module: The name it is imported by.
        distributions: The names it is installed by: original, fork, variants.
        first: The oldest tested version.
        last: The newest tested version; later patch releases of it count as tested.
    """

    module: str
    distributions: tuple[str, ...]
    first: str
    last: str


HOST_LIBRARIES = (
    HostLibrary('mmengine', ('mmengine', 'onedl-mmengine', 'mmengine-lite'), '0.10.7', '0.10.12'),
    HostLibrary('mmcv', ('mmcv', 'onedl-mmcv', 'mmcv-lite', 'mmcv-full'), '2.1.0', '2.3.6'),
    HostLibrary('mmseg', ('mmsegmentation', 'onedl-mmsegmentation'), '1.2.2', '1.4.2'),
    HostLibrary('mmdet', ('mmdet', 'onedl-mmdetection'), '3.3.0', '3.5.1'),
    HostLibrary('mmpretrain', ('mmpretrain', 'onedl-mmpretrain'), '1.2.0', '1.3.6'),
    HostLibrary('torch', ('torch',), '2.10.0', '2.10.0'),
)


def check_mmengine() -> None:
    """Raise an ``ImportError`` in one sentence when mmengine is missing."""
    if find_spec('mmengine') is None:
        raise ImportError('mmkd works on OpenMMLab, and mmengine is not installed: install onedl-mmengine (maintained) '
                          'or mmengine (original), with the toolbox of your task.')


def installed_versions() -> Iterator[tuple[HostLibrary, str, str]]:
    """Yield each installed host library with the distribution name and the version found."""
    for library in HOST_LIBRARIES:
        for distribution in library.distributions:
            try:
                yield library, distribution, version(distribution)
            except PackageNotFoundError:
                continue


def is_tested(library: HostLibrary, found: str) -> bool:
    """Whether a version lies in the tested range, where a newer patch release of the last tested version is let in."""
    from mmengine.utils import digit_version
    number = digit_version(found)
    return digit_version(library.first) <= number and number[:2] <= digit_version(library.last)[:2]


def warn_untested_versions() -> None:
    """Warn in one sentence about each host library whose version is outside the tested range."""
    for library, distribution, found in installed_versions():
        if not is_tested(library, found):
            tested = library.first if library.first == library.last else f'{library.first} to {library.last}'
            warnings.warn(f'{distribution} {found} is installed, and mmkd is tested with {tested}: '
                          'install a tested version if something fails.', stacklevel=3)


def register_config_scopes() -> None:
    """Let ``mmkd::…``, ``mmseg::…``, ``mmdet::…`` and ``mmpretrain::…`` resolve, on the originals and on the forks.

    mmengine looks a scope up by the name of the original distribution; where it finds only the fork, it reports the
    toolbox as missing, and ``mmengine.hub.get_config`` even runs pip. Looked up by its module name, either is found.
    """
    from mmengine.config.utils import MODULE2PACKAGE
    # The original mmengine takes the folder of a distribution for the place of its module, which fails for an editable
    # mmkd. It looks a name that is no distribution up as a module, and takes the folder in which that lies.
    MODULE2PACKAGE['mmkd'] = 'mmkd.version'
    for scope in ('mmseg', 'mmdet', 'mmpretrain'):
        # PyPI has an unrelated "mmseg": the name of a toolbox that is not here must stay the one of its distribution.
        if _is_found(scope):
            MODULE2PACKAGE[scope] = scope


def _is_found(module: str) -> bool:
    try:
        spec = find_spec(module)
    except ImportError:
        # An import hook may refuse a module instead of not finding it.
        return False
    return spec is not None and spec.origin is not None
