import subprocess
import sys
from pathlib import Path

import pytest

from mmkd.datasets.voc_overlap import clean_list, find_overlap, image_id, read_list

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'check_voc_overlap.py'


def write_list(devkit, name, lines):
    year, part = name.split('/')
    file = devkit / year / 'ImageSets' / 'Segmentation' / f'{part}.txt'
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('\n'.join(lines) + '\n')


@pytest.fixture
def devkit(tmp_path):
    write_list(tmp_path, 'VOC2007/trainval', ['000032', '000039'])
    write_list(tmp_path, 'VOC2007/test', ['000068', '000175', '000241'])
    write_list(
        tmp_path, 'VOC2012/trainval', ['2007_000032', '2007_000068', '2007_000241', '2008_000175', '2007_000799']
    )
    return tmp_path


def call(*words):
    return subprocess.run([sys.executable, str(TOOL), *map(str, words)], capture_output=True, text=True)


@pytest.mark.parametrize(
    'line, image',
    [
        ('000032', '000032'),
        ('2007_000032', '000032'),
        ('2008_000032', '2008_000032'),
        ('2007_000032.jpg', '000032'),
        ('000032 1', '000032'),
        ('2007_00032', '2007_00032'),
    ],
)
def test_only_the_prefix_of_2007_is_dropped(line, image):
    assert image_id(line) == image


def test_overlap_names_the_lines_as_they_stand():
    assert find_overlap(['2007_000068', '2008_000175', '000032', '2007_000068'], ['000068', '000175']) == [
        '2007_000068'
    ]
    assert find_overlap(['2008_000068'], ['000068']) == []


def test_clean_list_has_every_image_once():
    assert clean_list(['000032', '2007_000032', '2007_000068', '2008_000068'], ['000068']) == ['000032', '2008_000068']


def test_read_list_says_what_is_missing(devkit):
    assert read_list(devkit, 'VOC2007/trainval') == ['000032', '000039']
    with pytest.raises(FileNotFoundError, match=r'There is no list .*VOC2010.*unpack VOC2010 into'):
        read_list(devkit, 'VOC2010/test')
    with pytest.raises(ValueError, match="named 'test', but YEAR/SET is needed"):
        read_list(devkit, 'test')
    write_list(devkit, 'VOC2007/val', [])
    with pytest.raises(ValueError, match='is empty'):
        read_list(devkit, 'VOC2007/val')


def test_tool_prints_number_and_ids_and_fails(devkit):
    done = call(devkit)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        'VOC2007/trainval: 2 images, 0 of them in VOC2007/test',
        'VOC2012/trainval: 5 images, 2 of them in VOC2007/test',
        '  2007_000068',
        '  2007_000241',
    ]


def test_tool_is_content_without_overlap(devkit):
    done = call(devkit, '--train', 'VOC2007/trainval')
    assert done.returncode == 0 and done.stdout == 'VOC2007/trainval: 2 images, 0 of them in VOC2007/test\n'


def test_written_list_passes_the_check(devkit):
    clean = devkit / 'VOC2012' / 'ImageSets' / 'Segmentation' / 'clean.txt'
    assert call(devkit, '--write-clean', clean).returncode == 1
    assert clean.read_text().split() == ['000032', '000039', '2008_000175', '2007_000799']
    assert call(devkit, '--train', 'VOC2012/clean').returncode == 0


def test_missing_lists_are_one_sentence(tmp_path):
    done = call(tmp_path)
    assert done.returncode == 1 and 'There is no list' in done.stderr and 'Traceback' not in done.stderr
