import pytest

from mmkd.visualization.palette import ink_on, names_of, palette_of, shorten


def test_what_the_data_set_gives_is_taken():
    metainfo = dict(classes=('a', 'b'), palette=[[1, 2, 3], (4, 5, 6)])
    assert names_of(metainfo, 2) == ['a', 'b'] and palette_of(metainfo, 2) == [(1, 2, 3), (4, 5, 6)]


@pytest.mark.parametrize('metainfo', [{}, dict(palette=None), dict(palette=[(0, 0, 0)]), dict(palette='random')])
@pytest.mark.parametrize('count', [3, 15, 91])
def test_missing_colours_are_made_and_differ(metainfo, count):
    palette = palette_of(metainfo, count)
    assert len(palette) == count == len(set(palette))
    assert all(0 <= value <= 255 for color in palette for value in color)


def test_missing_names_are_numbers():
    assert names_of(dict(classes=('a',)), 3) == ['a', '1', '2']


def test_ink_is_readable():
    assert ink_on((1, 1, 0.5)) == 'black' and ink_on((0, 0, 0.9)) == 'white'


def test_long_names_are_cut():
    assert shorten('abcdef', 6) == 'abcdef' and shorten('abcdefg', 6) == 'abcde…'
