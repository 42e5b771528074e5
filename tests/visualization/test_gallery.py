from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from mmkd.visualization.gallery import Gallery
from mmkd.visualization.picture import ImagePicture
from mmkd.visualization.sample import Sample
from mmkd.visualization.segmentation import SegmentationPainter


def sample(name, note=''):
    return Sample(name, [ImagePicture('input', np.zeros((4, 4, 3), np.uint8), note=note)])


@pytest.fixture
def gallery(tmp_path):
    return Gallery(tmp_path / 'new' / 'pictures', SegmentationPainter(['a'], [(0, 0, 0)]))


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for key, value in attributes if key in ('href', 'src')]

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_links_to_every_picture_whatever_its_name(gallery):
    names = ['plain', '50% & <b>"c"', 'a#b?c d', 'x:y']
    for name in names:
        gallery.add(sample(name, note='no <boxes>'))
    gallery.close('<title>', {'config': 'a&b'})
    page = Page((gallery.folder / 'index.html').read_text(encoding='utf-8'))
    assert all((gallery.folder / unquote(link)).is_file() for link in page.links)
    assert {unquote(link) for link in page.links} == {f'./{name}.png' for name in [*names, 'overview']}
    assert 'script' not in page.tags and 'b' not in page.tags
    assert {'<title>', 'a&b', 'plain, input: no <boxes>'} <= set(page.texts)


def test_equal_names_do_not_replace_each_other(gallery):
    files = [gallery.add(sample(name)).name for name in ('a', 'a', 'a-2', 'overview')]
    assert files == ['a.png', 'a-2.png', 'a-2-2.png', 'overview-2.png']
    gallery.close('t', {})
    assert len(list(gallery.folder.glob('*.png'))) == 5


def test_an_empty_gallery_is_refused(gallery):
    with pytest.raises(ValueError, match='at least one row'):
        gallery.close('t', {})
