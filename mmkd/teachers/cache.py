"""Remember what a teacher said of an image, so that it need not be asked again.

Worth its disk where augmentation is reproducible: the same pixels must come again. ``mmkd.ReproducibleTransforms``
makes random transforms so.
"""

import math
import os
import re
import sqlite3
from collections.abc import Callable, Collection, Sequence
from logging import INFO, WARNING
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmkd.teachers.fingerprint import SIZE, fingerprint, image_keys
from mmkd.teachers.packing import PRECISIONS, Nested, Packing, each, stacked, unpack
from mmkd.teachers.store import FullError, Store

if TYPE_CHECKING:
    from mmkd.teachers.external_teacher import ExternalTeacher

Knowledge = dict[str, Nested]


class TeacherCache:
    """Outputs of a teacher by image and place, in a file that further epochs and trainings read.

    Images are told apart by the pixels that the teacher is shown, so that whatever changes them, a crop, a flip or a
    new pipeline, is another image. The file is named after the teacher: its weights, structure, taps and precision, and
    the versions of the libraries. When a teacher has changed, its old file is deleted. Outputs that were just computed
    pass through the same rounding as those that are read, so that it makes no difference which ones are.

    It never ends a training: what cannot be opened, read or written is said once, and the teacher is asked instead.

    Args:
        teacher: Whose outputs they are.
        path: Folder of the file. Trainings with different teachers need different ones.
        max_gigabytes: Greatest size of the file; nothing is added beyond it.
        precision: ``'float16'``, ``'bfloat16'`` or ``'float32'``, see :class:`Packing`.
        top_k: How many class scores are kept per image or pixel; None: all.
        slot: Number of the teacher among those that share the folder.
        description: The teacher's config.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        teacher: 'ExternalTeacher',
        path: str | Path,
        max_gigabytes: float = 10,
        precision: str = 'float16',
        top_k: int | None = None,
        slot: int = 0,
        description: str = '',
    ) -> None:
        _check(path, max_gigabytes, precision, top_k)
        self.teacher = teacher
        self.folder = Path(path)
        self.max_gigabytes = max_gigabytes
        self.packing = Packing(precision, top_k)
        self.slot = slot
        self.description = description
        self.hits = self.misses = 0
        self._store: Store | None = None
        self._is_off = self._is_full = False

    def check(self, sources: Collection[str]) -> None:
        """Check that places can be remembered by image.

        Raises:
            ValueError: If they hang on something else, or ``top_k`` has no meaning for them.
        """
        task, name = self.teacher.task, self.teacher.name
        if 'logits' in sources and task.has_logits_of_proposals:
            raise ValueError(
                f'The teacher {name!r} has a cache, but its logits are those of the proposals of the student, which '
                'change while it learns: remove cache=…, or compare features only.'
            )
        if 'logits' in sources and self.packing.top_k is not None and task.name == 'detection':
            raise ValueError(
                f'The cache of the teacher {name!r} has top_k={self.packing.top_k}, but the class scores of a detector '
                'are no softmax over classes: leave top_k out.'
            )

    def recall(self, images: Tensor, sources: Collection[str], run: Callable[[Tensor], Knowledge]) -> Knowledge:
        """What the teacher knows of images, remembered or computed.

        Args:
            images: Batch (N, C, H, W) as the teacher is shown it.
            sources: Places that are read.
            run: Computes the knowledge of some of the images.
        """
        is_open = self._opened(images.device.type)
        keys = image_keys(images) if is_open else [b''] * len(images)
        known = [self._read(key, sources) for key in keys]
        missing = [index for index, item in enumerate(known) if item is None]
        self.hits, self.misses = self.hits + len(known) - len(missing), self.misses + len(missing)
        if missing:
            packed = self._packed(run(images if len(missing) == len(known) else images[missing]), len(missing))
            self._write([(keys[index], *row) for index, rows in zip(missing, packed, strict=True) for row in rows])
            for index, rows in zip(missing, packed, strict=True):
                known[index] = {source: unpack(data) for source, data in rows}
        return {source: stacked([item[source] for item in known], images.device) for source in sources}

    def close(self) -> None:
        """Close the file; it is opened again at the next image."""
        if self._store is not None and self._store.process == os.getpid():
            self._store.close()
        self._store = None

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_store': None}

    def _packed(self, knowledge: Knowledge, count: int) -> list[list[tuple[str, bytes]]]:
        for source, output in knowledge.items():
            each(output, lambda values, source=source: self._check_rows(values, source, count))
        return [
            [
                (source, self.packing.pack(each(output, lambda values, i=i: values[i]), source == 'logits'))
                for source, output in knowledge.items()
            ]
            for i in range(count)
        ]

    def _check_rows(self, values: Any, source: str, count: int) -> None:
        if not isinstance(values, Tensor) or not values.dim() or values.shape[0] != count:
            found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ValueError(
                f'The teacher {self.teacher.name!r} gives {found} as {source} of {count} images, but a cache needs one '
                'row per image: remove cache=….'
            )

    def _read(self, key: bytes, sources: Collection[str]) -> Knowledge | None:
        found = {}
        for source in sources:
            if self._store is None:
                return None
            try:
                data = self._store.read(key, source)
                found[source] = None if data is None else unpack(data)
            except sqlite3.Error as error:
                self._switch_off(error)
            except ValueError:
                # Whatever damaged this output, the teacher can say it again.
                return None
            if found.get(source) is None:
                return None
        return found

    def _write(self, rows: Sequence[tuple[bytes, str, bytes]]) -> None:
        if self._store is None or self._is_full:
            return
        try:
            self._store.write(rows)
        except FullError as error:
            self._is_full = True
            self._say_full(error)
        except sqlite3.Error as error:
            self._switch_off(error)

    def _opened(self, device: str) -> bool:
        if self._store is not None and self._store.process != os.getpid():
            # SQLite's connections do not survive a fork.
            self._store = None
        if self._store is None and not self._is_off:
            name = f'{self.slot}-{fingerprint(self.teacher.model, self._settings(device))}.sqlite'
            try:
                self._store = Store(self.folder / name, self.max_gigabytes * 1e9)
                self._forget_others(name)
                self._say(INFO, f'{self._store.count()} outputs are remembered in {str(self._store.file)!r}.')
            except (OSError, sqlite3.Error) as error:
                self._switch_off(error)
        return self._store is not None

    def _settings(self, device: str) -> dict:
        autocast = str(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else None
        packing = [self.packing.precision, self.packing.top_k]
        return dict(config=self.description, places=self.teacher.task.places, packing=packing, autocast=autocast)

    def _forget_others(self, name: str) -> None:
        pattern = re.compile(rf'({self.slot}-[0-9a-f]{{{2 * SIZE}}}\.sqlite)(-wal|-shm)?')
        for file in self.folder.iterdir():
            match = pattern.fullmatch(file.name)
            if match and match[1] != name:
                file.unlink(missing_ok=True)

    def _switch_off(self, error: Exception) -> None:
        self._is_off = True
        self.close()
        self._say(WARNING, f'it is not used any more, because {str(self.folder)!r} cannot be read or written: {error}.')

    def _say_full(self, error: Exception) -> None:
        advice = '' if self.hits else (
            ' No image has come twice so far: make the augmentation reproducible by mmkd.ReproducibleTransforms, or '
            'remove the cache.'
        )
        limit = f'max_gigabytes={self.max_gigabytes}'
        self._say(WARNING, f'it is full ({limit}, {error}), and further images are computed anew.{advice}')

    def _say(self, level: int, text: str) -> None:
        print_log(f'The cache of the teacher {self.teacher.name!r}: {text}', logger='current', level=level)


def build_cache(
    config: str | dict | None, teacher: 'ExternalTeacher', slot: int = 0, description: str = ''
) -> TeacherCache | None:
    """The cache of a teacher, by what its config says.

    Args:
        config: Arguments of :class:`TeacherCache`, its ``path`` alone, or None for no cache.
        teacher: The teacher.
        slot: Its number among the teachers of the student.
        description: Its config.

    Raises:
        ValueError: If the config has other keys, or values out of their range.
    """
    if config is None:
        return None
    if not isinstance(config, str | Path | dict):
        raise ValueError(f'The cache of the teacher is {config!r}, but a folder or a dict is needed: correct it.')
    config = dict(path=config) if isinstance(config, str | Path) else dict(config)
    legal = ('path', 'max_gigabytes', 'precision', 'top_k')
    if 'path' not in config or set(config) - set(legal):
        raise ValueError(
            f'The cache of the teacher has the keys {sorted(config)}, but path is needed and {", ".join(legal)} are '
            'legal: correct it.'
        )
    return TeacherCache(teacher, **config, slot=slot, description=description)


def _check(path: Any, max_gigabytes: Any, precision: Any, top_k: Any) -> None:
    legal = dict(
        path=(path, isinstance(path, str | Path) and str(path), 'the name of a folder'),
        max_gigabytes=(max_gigabytes, _is_number(max_gigabytes) and 0 < max_gigabytes < math.inf, 'a number above 0'),
        precision=(precision, precision in PRECISIONS, f'one of {PRECISIONS}'),
        top_k=(top_k, top_k is None or (type(top_k) is int and top_k > 0), 'a whole number above 0 or None'),
    )
    for name, (value, is_legal, needed) in legal.items():
        if not is_legal:
            raise ValueError(f'The cache of the teacher has {name}={value!r}, but it must be {needed}: correct it.')


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
