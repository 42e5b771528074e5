"""Every config of the repository reads, builds and takes a training step on made-up input."""

from pathlib import Path

import pytest
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from mmengine.utils import import_modules_from_strings

import mmkd  # noqa: F401
from mmkd.engine.config import distil, is_distilling, load_config
from mmkd.engine.device import without_sync_bn
from tests.students import classification_batch, detection_batch, segmentation_batch

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
RUNNABLE = sorted(path for path in CONFIGS.glob('[!_]*/*.py') if not path.name.startswith('benchmark'))
STUDENTS = [path for path in RUNNABLE if path.parent.name in ('frskd', 'plain')]


def without_pretrained(config):
    """The same config, with nothing to download."""
    if isinstance(config, dict):
        return type(config)(
            {
                key: None
                if key == 'pretrained' or (key == 'init_cfg' and 'Pretrained' in str(value))
                else without_pretrained(value)
                for key, value in config.items()
            }
        )
    return [without_pretrained(value) for value in config] if isinstance(config, list) else config


@pytest.mark.parametrize('path', RUNNABLE, ids=lambda path: path.stem)
def test_a_config_is_complete(path):
    config = Config.fromfile(path)
    for key in ('model', 'train_dataloader', 'val_evaluator', 'test_dataloader', 'optim_wrapper', 'train_cfg'):
        assert key in config, key
    assert Config.fromstring(config.pretty_text, '.py').model == config.model


def made_up_batch(config, model):
    """Images and data samples of the task of a config."""
    if config.default_scope == 'mmseg':
        return segmentation_batch(size=64, num_classes=model.decode_head.num_classes)
    if config.default_scope == 'mmdet':
        images, samples = detection_batch()
        return images[:1], samples[:1]
    images, samples = classification_batch(model.head.num_classes)
    # Its batch augmentations are part of the config.
    data = model.data_preprocessor(dict(inputs=images, data_samples=samples), training=True)
    return data['inputs'], data['data_samples']


@pytest.mark.parametrize('path', STUDENTS, ids=lambda path: path.stem)
def test_a_config_takes_a_training_step(path):
    config = Config.fromfile(path)
    import_modules_from_strings(**config.get('custom_imports', dict(imports=[])))
    init_default_scope(config.default_scope)
    if 'data_preprocessor' in config:
        config.model.data_preprocessor = config.data_preprocessor
    model = MODELS.build(ConfigDict(without_sync_bn(without_pretrained(config.model))))
    model.train()
    images, samples = made_up_batch(config, model)
    # the last moment of a run, when every ramp has reached its end
    MessageHub.get_current_instance().update_info_dict(dict(epoch=999, max_epochs=1000, iter=99999, max_iters=100000))
    losses = model.loss(images, samples)
    model.parse_losses(losses)[0].backward()
    without = [
        name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]
    if is_distilling(config):
        method = config.model.methods.frskd
        terms = [term for term in ('teacher', 'logit', 'feature') if method.get(f'{term}_weight') != 0]
        assert {f'distill.frskd.loss_{term}' for term in terms} <= set(losses)
        assert without == []
    else:
        assert bool(without) == config.get('find_unused_parameters', False)


@pytest.mark.parametrize(
    'fragment', sorted((CONFIGS / '_base_' / 'methods').glob('*.py')), ids=lambda path: path.stem
)
def test_a_fragment_distils_a_plain_config(fragment):
    config = distil(Config.fromfile(CONFIGS / 'plain' / 'fpn_r18w16_demo-64x64.py'), Config.fromfile(fragment))
    assert is_distilling(config)
    assert config.custom_imports.imports == ['mmkd']


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('frskd/frskd_*.py')), ids=lambda path: path.stem)
def test_a_distilling_config_is_short(path):
    assert len(path.read_text().splitlines()) <= 12


def test_a_packaged_config_of_a_toolbox_is_read_without_installing_anything():
    config = load_config('mmseg::pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py')
    assert config.model.type == 'EncoderDecoder'


def test_the_published_recipe_of_the_voc_configs():
    config = Config.fromfile(CONFIGS / 'frskd' / 'frskd_efficientdet-d0_voc-512x512.py')
    assert config.train_cfg.max_epochs == 60
    assert config.optim_wrapper.optimizer == dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4)
    assert config.optim_wrapper.clip_grad == dict(type='value', clip_value=2.0)
    assert config.train_dataloader.batch_size * config.optim_wrapper.accumulative_counts == 32
    method = config.model.methods.frskd
    assert (method.temperature, method.logit_weight.begin, method.feature_weight.stop) == (1.0, 40, 50.0)
