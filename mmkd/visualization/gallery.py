"""A folder of pictures."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mmkd.visualization.legend import legend, present_classes
from mmkd.visualization.page import write_page
from mmkd.visualization.painter import Painter
from mmkd.visualization.sample import Sample, draw_sample
from mmkd.visualization.sheet import save_sheet

EXPLANATION = (
    'The input is the image that the network saw. Attention is the channel mean of the squared features, divided by '
    'its L2 norm over the positions. Student and teacher of a stage share the colour scale whose end stands above '
    'them; in the difference, red means that the teacher looks there more than the student.'
)


class Gallery:
    """One PNG per sample, an overview of the predictions, and a page that shows everything.

    Args:
        folder: Where the files go; it is made if it does not exist.
        painter: Made the pictures; its classes are in the legends.
    """

    def __init__(self, folder: Path, painter: Painter) -> None:
        self.folder = folder
        self.painter = painter
        self.samples: list[Sample] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, sample: Sample) -> Path:
        """Draw a sample; the file it lies in, numbered if there is one of this name already."""
        taken = {'overview', *(other.name for other in self.samples)}
        names = [sample.name, *(f'{sample.name}-{number}' for number in range(2, len(taken) + 2))]
        sample = replace(sample, name=next(name for name in names if name not in taken))
        file = self.folder / f'{sample.name}.png'
        draw_sample(sample, self.painter.classes, self.painter.palette).savefig(file)
        self.samples.append(sample.reduced())
        return file

    def close(self, title: str, facts: Mapping[str, str]) -> None:
        """Write ``overview.png`` and ``index.html``.

        Args:
            title: Title of the page.
            facts: What the page says above the pictures, by name.

        Raises:
            ValueError: If no sample was added.
        """
        classes, palette = self.painter.classes, self.painter.palette
        pictures = [picture for sample in self.samples for picture in sample.pictures]
        entries = legend(present_classes(pictures, len(classes)), classes, palette)
        save_sheet(self.folder / 'overview.png', [sample.pictures for sample in self.samples], entries)
        listed = [('overview.png', 'overview'), *((f'{s.name}.png', _caption(s)) for s in self.samples)]
        write_page(self.folder / 'index.html', title, facts, listed, EXPLANATION)


def _caption(sample: Sample) -> str:
    notes = [f'{picture.title}: {picture.note}'.replace('\n', ' ') for picture in sample.pictures if picture.note]
    return ', '.join([sample.name, *notes])
