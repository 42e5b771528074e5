"""A trained model, its data, and what it makes of one image."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import nn

from mmkd.engine.checkpoint import read_checkpoint, require_fit
from mmkd.engine.config import load_config, without_teachers
from mmkd.visualization.features import look, task_of_model
from mmkd.visualization.images import input_image
from mmkd.visualization.painter import Painter
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
    # External teachers are not drawn, and their files need not be there.
    config = without_teachers(load_config(path))
    weights = read_checkpoint(checkpoint)['state_dict']
    init_default_scope(config.get('default_scope', 'mmengine'))
    settings = dict(config.model)
    if 'data_preprocessor' in config:
        settings.setdefault('data_preprocessor', config.data_preprocessor)
    model = MODELS.build(settings)
    require_fit(model, weights, Path(checkpoint).name, training_parts=True)
    model.load_state_dict(weights, strict=False)
    return revert_sync_batchnorm(model).to(device).eval(), config


def require_one_task(models: Mapping[str, nn.Module]) -> None:
    """Check that models can be drawn side by side.

    Raises:
        ValueError: If they solve different tasks.
    """
    tasks = {name: task_of_model(model).name for name, model in models.items()}
    if len(set(tasks.values())) > 1:
        raise ValueError(
            f'The models solve different tasks ({tasks}), but only those of one can be compared: give two models of '
            'one task.'
        )


def load_dataset(config: Config, split: str) -> Any:
    """Build the dataset of a split; that of training gets the pipeline of validation.

    Raises:
        ValueError: If the split is unknown, the config has no data for it, or there are no images.
    """
    if split not in SPLITS:
        raise ValueError(f'The split is {split!r}, but it must be one of {SPLITS}: choose one of them.')
    if not config.get(f'{split}_dataloader'):
        raise ValueError(f'The config has no {split}_dataloader: add one, or choose another split.')
    settings = copy.deepcopy(config[f'{split}_dataloader'].dataset)
    if split == 'train':
        if not config.get('val_dataloader'):
            raise ValueError(
                'The config has no val_dataloader, whose pipeline shows training images without augmentation: add one, '
                'or choose another split.'
            )
        _replace_pipeline(settings, _pipeline(config.val_dataloader.dataset))
    dataset = _build(settings)
    if not len(dataset):
        raise ValueError(f'The split {split!r} has no images: correct the paths of its dataset, or choose another one.')
    return dataset


def spread(length: int, number: int) -> list[int]:
    """Indices spread evenly over a dataset, the first included."""
    count = min(number, length)
    return [index * length // count for index in range(count)]


def predict(model: nn.Module, data: dict[str, Any]) -> Any:
    """The data sample with a model's prediction for an item of a dataset."""
    with torch.no_grad():
        return model.test_step(pseudo_collate([{**data, 'data_samples': data['data_samples'].new()}]))[0]


def collect(
    models: Mapping[str, nn.Module], data: dict[str, Any], painter: Painter, name: str, source: str | None = None
) -> Sample:
    """Everything that is drawn of an item of a dataset.

    Args:
        models: Models of one task by name; the attention shown is that of the last.
        data: Item of the dataset, ``inputs`` (3, H, W) and ``data_samples``.
        painter: That of the task.
        name: What the sample is called.
        source: See :func:`mmkd.visualization.features.look`.

    Raises:
        TypeError: If a model gives no prediction that can be drawn.
        ValueError: If the item has no truth.
    """
    sample = data['data_samples']
    painter.require_truth(sample, name)
    predictions = {label: predict(model, data) for label, model in models.items()}
    for label, prediction in predictions.items():
        painter.require_prediction(prediction, models[label])
    pictures = painter.paint(input_image(data['inputs'], sample), sample, predictions)
    return Sample(name, pictures, look(list(models.values())[-1], data, source))


def _build(settings: dict[str, Any]) -> Any:
    try:
        return DATASETS.build(settings)
    except ValueError as error:
        # what mmengine's data sets say if they find no images
        if 'at least one array' in str(error):
            return ()
        raise


def _pipeline(dataset: dict[str, Any]) -> list:
    inner = dataset.get('dataset') or next(iter(dataset.get('datasets', [])), None)
    return dataset['pipeline'] if 'pipeline' in dataset else _pipeline(inner)


def _replace_pipeline(dataset: dict[str, Any], pipeline: list) -> None:
    if 'pipeline' in dataset:
        dataset['pipeline'] = pipeline
    for inner in [dataset.get('dataset'), *dataset.get('datasets', [])]:
        if isinstance(inner, dict):
            _replace_pipeline(inner, pipeline)
