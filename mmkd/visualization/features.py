"""Ask a network, and what teaches it, where they look."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.logging import print_log
from torch import Tensor, nn

from mmkd.taps import Taps
from mmkd.tasks import Task, task_of
from mmkd.visualization.attention import Stage, attention_map
from mmkd.visualization.place import cell_size, visible

STAGES = {'backbone': 'stage', 'neck': 'level'}


@dataclass
class Attention:
    """The attention of a network over one image.

    Args:
        size: Height and width of the image.
        stages: The attention of each stage or level, shallow first.
        teacher: What the teacher is called.
    """

    size: tuple[int, int]
    stages: list[Stage] = field(default_factory=list)
    teacher: str = 'self-teacher'

    @property
    def taught(self) -> bool:
        """Whether the stages have the attention of a teacher beside the student's."""
        return bool(self.stages) and self.stages[0].teacher is not None


def look(model: nn.Module, data: dict[str, Any], source: str | None = None) -> Attention:
    """Attention of a model, and of the self-teacher if one of its methods has one, over one image.

    The self-teacher is asked directly: it does not run in a test step. Neither modes nor statistics change; the model
    should be in eval mode.

    Args:
        model: A plain or a distilling model.
        data: Item of a dataset: ``inputs`` (3, H, W) and its ``data_samples``.
        source: ``'backbone'`` (stages) or ``'neck'`` (levels); by default what the method refines, and for a plain
            model the levels of a detector and the stages of any other.

    Raises:
        ValueError: If the source is unknown, or the model has no such place.
    """
    if source not in (None, *STAGES):
        raise ValueError(f'The source is {source!r}, but it must be one of {(*STAGES,)}: choose one of them.')
    task = task_of_model(model)
    method = _teaching_method(model, source)
    source = source or (method.source if method else _usual_source(task))
    # a copy of the data sample, because the preprocessor writes into it
    images = model.data_preprocessor(pseudo_collate([{**data, 'data_samples': data['data_samples'].new()}]), False)
    features, teacher = _read(model, task, method, images['inputs'], source)
    size, batch = tuple(data['inputs'].shape[-2:]), tuple(images['inputs'].shape[-2:])
    stages = [
        _stage(f'{STAGES[source]} {number}', pair, size, batch)
        for number, pair in enumerate(zip(features, teacher or [None] * len(features), strict=True), 1)
    ]
    return Attention(size, stages)


def task_of_model(model: nn.Module) -> Task:
    """The task adapter of a plain or a distilling model."""
    distill = getattr(model, 'distill', None)
    return distill.task if distill is not None else task_of(model)


def _read(
    model: nn.Module, task: Task, method: Any, images: Tensor, source: str
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    with torch.no_grad():
        with Taps(model, task.taps(source)) as record:
            task.run_features(model, images)
        try:
            features = task.features(record, source)
        except ValueError as error:
            # a network without maps, such as a transformer that gives tokens, still has predictions to be drawn
            print_log(f'No attention maps are drawn. {error}', logger='current', level=30)
            return [], []
        return features, _refined(method, features) if method else []


def _stage(title: str, pair: Sequence[Tensor | None], size: tuple[int, int], batch: tuple[int, int]) -> Stage:
    cell = cell_size(tuple(pair[0].shape[-2:]), batch)
    # padding is left out before the maps are normalised, as it is of the loss
    maps = [None if level is None else attention_map(visible(level, size, cell))[0] for level in pair]
    return Stage(title, *maps, cell=cell)


def _refined(method: Any, features: Sequence[Tensor]) -> list[Tensor]:
    maps = method.self_teacher(features)[0]
    # where maps are compared before their activation, the self-teacher leaves out the last one too
    return [level.relu() for level in maps] if getattr(method, 'compared', None) == 'preactivation' else list(maps)


def _teaching_method(model: nn.Module, source: str | None) -> Any:
    distill = getattr(model, 'distill', None)
    methods = distill.methods.values() if distill is not None else []
    teaching = [method for method in methods if hasattr(method, 'self_teacher') and source in (None, method.source)]
    return teaching[0] if teaching else None


def _usual_source(task: Task) -> str:
    return 'neck' if task.name == 'detection' and 'neck' in task.places else 'backbone'
