"""A trained model, its data, and what it makes of one image."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import Tensor, nn

from mmkd.engine.checkpoint import read_checkpoint, require_fit
from mmkd.engine.config import load_config
from mmkd.taps import Taps
from mmkd.tasks import task_of
from mmkd.visualization.sample import Sample

SPLITS = ('train', 'val', 'test')


def load_model(path: str, checkpoint: str, device: str) -> tuple[nn.Module, Config]:
    """Build the model of a config with the weights of a checkpoint, in eval mode.

    Args:
        path: Config of a plain or a distilling model.
        checkpoint: What its training wrote.
        device: ``'cpu'`` or ``'cuda'``.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If the checkpoint has not all the parameters of the model.
    """
    config = load_config(path)
    weights = read_checkpoint(checkpoint)['state_dict']
    init_default_scope(config.get('default_scope', 'mmengine'))
    model = MODELS.build(config.model)
    require_fit(model, weights, Path(checkpoint).name, training_parts=True)
    model.load_state_dict(weights, strict=False)
    return revert_sync_batchnorm(model).to(device).eval(), config


def load_dataset(config: Config, split: str) -> Any:
    """Build the dataset of a split; that of training gets the pipeline of validation.

    Raises:
        ValueError: If the split is unknown or the config has no data for it.
    """
    if split not in SPLITS:
        raise ValueError(f'The split is {split!r}, but it must be one of {SPLITS}: choose one of them.')
    if not config.get(f'{split}_dataloader'):
        raise ValueError(f'The config has no {split}_dataloader: add one, or choose another split.')
    dataset = copy.deepcopy(config[f'{split}_dataloader'].dataset)
    if split == 'train':
        _replace_pipeline(dataset, config.val_dataloader.dataset.pipeline)
    return DATASETS.build(dataset)


def spread(length: int, number: int) -> list[int]:
    """Indices spread evenly over a dataset, the first included."""
    count = min(number, length)
    return [index * length // count for index in range(count)]


def predict(model: nn.Module, data: dict[str, Any]) -> np.ndarray:
    """The label map (H, W) that a segmentor gives to an item of a dataset.

    Raises:
        TypeError: If the model is no segmentor.
    """
    with torch.no_grad():
        result = model.test_step(pseudo_collate([data]))[0]
    if 'pred_sem_seg' not in result:
        raise TypeError(
            f'A {type(model).__name__} gives no label maps, but only segmentors can be drawn: use one of mmseg.'
        )
    return result.pred_sem_seg.data[0].cpu().numpy()


def look(model: nn.Module, data: dict[str, Any], predictions: dict[str, np.ndarray]) -> Sample:
    """Collect what is drawn of one item of a dataset.

    Args:
        model: The student whose attention is shown.
        data: Item of the dataset, ``inputs`` (3, H, W) in BGR as mmcv reads it.
        predictions: Label maps by the name of the model.

    Raises:
        ValueError: If the item has no truth.
    """
    sample = data['data_samples']
    if 'gt_sem_seg' not in sample:
        raise ValueError(
            f'The dataset gives no label map for {Path(sample.get("img_path", "?")).name!r}: add LoadAnnotations to '
            "the split's pipeline, or choose another split."
        )
    student, teacher = read_features(model, data)
    return Sample(
        name=Path(sample.img_path).stem,
        image=data['inputs'].flip(0).permute(1, 2, 0).cpu().numpy(),
        truth=sample.gt_sem_seg.data[0].cpu().numpy(),
        predictions=predictions,
        student=student,
        teacher=teacher,
    )


def read_features(model: nn.Module, data: dict[str, Any]) -> tuple[list[Tensor], list[Tensor]]:
    """Feature maps (1, C, H, W) of the student and, if one of its methods has a self-teacher, the refined ones.

    The self-teacher is asked directly: it does not run in a test step.
    """
    distill = getattr(model, 'distill', None)
    task = distill.task if distill else task_of(model)
    methods = [method for method in (distill.methods.values() if distill else []) if hasattr(method, 'self_teacher')]
    source = methods[0].source if methods else 'backbone'
    images = model.data_preprocessor(pseudo_collate([data]), False)['inputs']
    with torch.no_grad():
        with Taps(model, task.taps(source)) as record:
            task.run_features(model, images)
        features = task.features(record, source)
        teacher = methods[0].self_teacher(features)[0] if methods else []
    return list(features), list(teacher)


def _replace_pipeline(dataset: dict[str, Any], pipeline: list) -> None:
    if 'pipeline' in dataset:
        dataset['pipeline'] = pipeline
    for inner in [dataset.get('dataset'), *dataset.get('datasets', [])]:
        if isinstance(inner, dict):
            _replace_pipeline(inner, pipeline)
