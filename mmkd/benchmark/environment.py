"""Where numbers were made: versions, processor, commit. Never a path of the machine."""

import datetime
import functools
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

MODULES = ('torch', 'torchvision', 'numpy', 'mmengine', 'mmcv', 'mmseg', 'mmdet', 'mmpretrain', 'mmkd')


@functools.cache
def describe_environment(folder: Path) -> dict[str, Any]:
    """Versions of the host libraries with their distributions, Python, processor, date, and git commit of a folder."""
    distributions = metadata.packages_distributions()
    versions = {}
    for module in MODULES:
        for distribution in distributions.get(module, [])[:1]:
            versions[module] = f'{metadata.version(distribution)} ({distribution})'
    return {
        'versions': versions,
        'python': platform.python_version(),
        'system': f'{platform.system()} {platform.machine()}',
        'cpu': _cpu(),
        'cores': len(os.sched_getaffinity(0)),
        'date': datetime.date.today().isoformat(),
        'git': _git(folder),
    }


def without_paths(value: Any) -> Any:
    """A value in whose strings every absolute path is cut down to its last part."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_paths(item) for item in value]
    if isinstance(value, str):
        return re.sub(r'(?<![\w.~-])/(?:[^/\s\'":,;]+/)+', '', value)
    return value


def _cpu() -> str:
    file = Path('/proc/cpuinfo')
    found = re.search(r'model name\s*:\s*(.+)', file.read_text()) if file.is_file() else None
    return found.group(1).strip() if found else platform.processor() or 'unknown'


def _git(folder: Path) -> dict[str, Any] | None:
    commit = _output(['git', 'rev-parse', '--verify', 'HEAD'], folder)
    if commit is None:
        return None
    return {'commit': commit, 'dirty': bool(_output(['git', 'status', '--porcelain'], folder))}


def _output(command: list[str], folder: Path) -> str | None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
