"""Show during training what student and self-teacher see."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmkd.hooks.random_state_hook import random_state, set_random_state
from mmkd.registry import HOOKS
from mmkd.tasks.base import SOURCES


@HOOKS.register_module()
class DistillVisualizationHook(Hook):
    """Draws validation images with truth, prediction and attention, and hands them to the runner's visualizer.

    Whatever backends the visualizer has show them: files below ``vis_data/vis_image``, TensorBoard, W&B. The pictures
    are those of ``tools/visualize.py``: input, truth and prediction, and the attention of each stage for the student,
    its self-teacher if it has one, and their difference. It is the model that validates which is drawn, so with an
    ``EMAHook`` the averaged one. Training goes on bit by bit as without the hook. With several processes the first one
    draws its share of the data.

    Args:
        interval: Draws at every ``interval``-th validation, the first included.
        num_images: How many images, spread evenly over the validation data; always the same ones.
        source: ``'backbone'`` or ``'neck'``, whose attention is drawn; by default what the method refines.
        score_threshold: Detection: boxes with a lower score are left out.
        top: Classification: how many of the most probable classes are shown.

    Raises:
        ValueError: If a number is out of its range or the source unknown.

    Examples:
        >>> custom_hooks = [dict(type='mmkd.DistillVisualizationHook', interval=5, num_images=4)]
        >>> visualizer = dict(vis_backends=[dict(type='TensorboardVisBackend')])
    """

    def __init__(
        self,
        interval: int = 1,
        num_images: int = 4,
        source: str | None = None,
        score_threshold: float = 0.3,
        top: int = 5,
    ) -> None:
        for name, value in (('interval', interval), ('num_images', num_images), ('top', top)):
            if value < 1:
                raise ValueError(f'DistillVisualizationHook has {name}={value}, but it must be at least 1: raise it.')
        if not 0 <= score_threshold <= 1:
            raise ValueError(
                f'DistillVisualizationHook has score_threshold={score_threshold}, but it must be from 0 to 1: '
                'correct it.'
            )
        if source not in (None, *SOURCES):
            raise ValueError(
                f'DistillVisualizationHook has source={source!r}, but it must be one of {SOURCES}: choose one of them, '
                'or leave it out.'
            )
        self.interval = interval
        self.num_images = num_images
        self.source = source
        self.options = dict(score_threshold=score_threshold, top=top)
        self._validations = 0
        self._chosen: list[int] = []
        self._seen = 0

    def before_val_epoch(self, runner: Runner) -> None:
        """Choose the images of this validation, if it is one that draws."""
        from mmkd.visualization.models import spread

        draws = self._validations % self.interval == 0 and is_main_process()
        self._chosen = spread(len(runner.val_dataloader.sampler), self.num_images) if draws else []
        self._validations += 1
        self._seen = 0

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[Any]) -> None:
        """Draw the chosen images of a batch."""
        for inputs, sample in zip(data_batch['inputs'], outputs, strict=True):
            if self._seen in self._chosen:
                with undisturbed():
                    self._draw(runner, inputs, sample)
            self._seen += 1

    def _draw(self, runner: Runner, inputs: torch.Tensor, sample: Any) -> None:
        from mmkd.visualization import Sample, draw_sample, look, painter_of, to_rgb
        from mmkd.visualization.images import input_image, name_of

        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        painter = painter_of(model, getattr(runner.val_dataloader.dataset, 'metainfo', {}), **self.options)
        painter.require_prediction(sample, model)
        # numbered, because files in different folders may share a name
        name = f'distill_{self._chosen.index(self._seen) + 1}_{name_of(sample, self._seen)}'
        pictures = painter.paint(input_image(inputs, sample), sample, {'': sample})
        attention = look(model, dict(inputs=inputs, data_samples=sample), self.source)
        figure = draw_sample(Sample(name, pictures, attention), painter.classes, painter.palette)
        runner.visualizer.add_image(name, to_rgb(figure), runner.iter)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A context that leaves the random numbers of the process as they were."""
    state = random_state()
    try:
        with torch.no_grad():
            yield
    finally:
        set_random_state(state)
