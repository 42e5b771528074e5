"""Which training images of VOC 2007 + 2012 are test images of VOC 2007."""

import re
from collections.abc import Iterable
from pathlib import Path

LISTS = Path('ImageSets') / 'Segmentation'


def image_id(line: str) -> str:
    """The id that an image has in every year's lists.

    VOC2012 lists the images of earlier years with the year in front (``2007_000032``), VOC2007 lists its own without
    (``000032``). Ids of later years keep theirs: ``2008_000032`` is another image.

    Args:
        line: A line of a list; a second column and a file suffix are dropped.
    """
    name = line.split()[0].removesuffix('.jpg').removesuffix('.png')
    return re.sub('^2007_(?=[0-9]{6}$)', '', name)


def read_list(devkit: Path, name: str) -> list[str]:
    """Lines of ``<devkit>/<year>/ImageSets/Segmentation/<set>.txt``, as they are written.

    Args:
        devkit: Folder with ``VOC2007`` and ``VOC2012``.
        name: Year and set, for instance ``'VOC2007/test'``.

    Raises:
        ValueError: If the name is not of this form, or the list is empty.
        FileNotFoundError: If there is no such list.
    """
    year, _, part = name.partition('/')
    if not year or not part or '/' in part:
        raise ValueError(f"The list is named {name!r}, but YEAR/SET is needed: name it as 'VOC2007/test'.")
    file = devkit / year / LISTS / f'{part}.txt'
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no list '{file}': unpack {year} into '{devkit}', or name another folder or list."
        )
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"The list '{file}' is empty: unpack {year} again.")
    return lines


def find_overlap(train: Iterable[str], test: Iterable[str]) -> list[str]:
    """Lines of the training lists, in order and once each, whose image is one of the test lists' images."""
    tested = {image_id(line) for line in test}
    return list(dict.fromkeys(line for line in train if image_id(line) in tested))


def clean_list(train: Iterable[str], test: Iterable[str]) -> list[str]:
    """Lines of the training lists without test images; an image that two lists name stays once, as written first."""
    tested = {image_id(line) for line in test}
    first = {}
    for line in train:
        first.setdefault(image_id(line), line)
    return [line for image, line in first.items() if image not in tested]
