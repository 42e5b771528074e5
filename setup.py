"""Packaging of mmkd: the package, and the configs and tools that mim and mmengine look for in ``mmkd/.mim``."""
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

REPO = Path(__file__).resolve().parent
MIM_ENTRIES = ('configs', 'tools', 'model-index.yml')


def remove(path):
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


class BuildWithMim(build_py):
    """Adds ``mmkd/.mim``: links in an editable installation, copies in a wheel."""

    def run(self):
        super().run()
        editable = self.editable_mode
        target = (REPO if editable else Path(self.build_lib)) / 'mmkd' / '.mim'
        target.mkdir(parents=True, exist_ok=True)
        for name in MIM_ENTRIES:
            # What an earlier build left would otherwise be shipped again.
            remove(target / name)
            if editable:
                (target / name).symlink_to(Path('..', '..', name))
            elif (REPO / name).is_dir():
                shutil.copytree(REPO / name, target / name, ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
            else:
                shutil.copyfile(REPO / name, target / name)


def read(path):
    return (REPO / path).read_text(encoding='utf-8')


readme = REPO / 'README.md'
setup(
    name='mmkd',
    version=re.search(r"__version__ = '(.+)'", read('mmkd/version.py')).group(1),
    description='Knowledge distillation for mmsegmentation, mmdetection and mmpretrain',
    long_description=read(readme) if readme.exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['mmkd', 'mmkd.*']),
    # Each host library exists under two names, the original and the maintained fork: naming one would install it over
    # the other.
    install_requires=[],
    cmdclass={'build_py': BuildWithMim},
    zip_safe=False,
)
