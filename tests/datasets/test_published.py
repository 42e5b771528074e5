"""The recipes for public data sets, each on a few images in the layout of the data set."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import Runner
from mmpretrain.datasets import CIFAR100

from mmkd.engine.config import is_distilling, load_config
from mmkd.engine.pretrained import without_pretrained
from mmkd.taps import Taps

from .published import CLASSES, LABELS, LAYOUTS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SIZES = dict(cifar100=32, tinyimagenet=32)
CLASS_COUNTS = dict(
    cifar100=100,
    tinyimagenet=200,
    cub200=200,
    mit67=67,
    stanford_dogs=120,
    stanford40=40,
    caltech101=102,
    imagenet=1000,
)


def data_of(path):
    """The data set that a config names, None for others."""
    found = re.search(r'_([a-z0-9-]+)-(?:32x32|224x224)', path.stem)
    name = found and found[1].replace('-', '_')
    return name if name in LAYOUTS else None


RECIPES = sorted(path for path in [*CONFIGS.glob('plain/*.py'), *CONFIGS.glob('frskd/frskd_*.py')] if data_of(path))


@pytest.fixture(scope='session')
def published(tmp_path_factory):
    """A folder with ``data/`` of all data sets."""
    root = tmp_path_factory.mktemp('published')
    for write in LAYOUTS.values():
        write(root)
    return root


@pytest.fixture(autouse=True)
def in_their_folder(published, monkeypatch):
    """Configs name their data relative to the working directory."""
    monkeypatch.chdir(published)
    # Made-up archives have other checksums.
    for name in ('train_list', 'test_list'):
        monkeypatch.setattr(CIFAR100, name, [[name.removesuffix('_list'), None]])
    monkeypatch.setattr(CIFAR100, 'meta', dict(CIFAR100.meta, md5=None))


def dataset_of(name, split):
    config = Config.fromfile(CONFIGS / '_base_' / 'datasets' / f'{name}.py')
    init_default_scope('mmpretrain')
    return config, DATASETS.build(config[f'{split}_dataloader'].dataset)


@pytest.mark.parametrize('split', ['train', 'val'])
@pytest.mark.parametrize('name', LAYOUTS)
def test_images_get_the_label_of_their_class(name, split):
    config, data = dataset_of(name, split)
    samples = [data[index] for index in range(len(data))]
    size = SIZES.get(name, 224)
    assert [tuple(sample['inputs'].shape) for sample in samples] == len(CLASSES) * [(3, size, size)]
    labels = [sample['data_samples'].gt_label.item() for sample in samples]
    assert sorted(labels) == [0, 1, 2, 3]
    if name == 'cifar100':
        assert all((sample['inputs'][0] >= sample['inputs'][1:]).all() for sample in samples), 'red is no longer first'
        assert labels == [LABELS[known] for known in CLASSES]
    else:
        seen = [data.get_data_info(index)['img_path'] for index in range(len(data))]
        if name == 'tinyimagenet' and split == 'val':
            assert labels == [LABELS[CLASSES[int(Path(path).stem.removeprefix('val_'))]] for path in seen]
        else:
            assert labels == [next(LABELS[known] for known in CLASSES if known in path) for path in seen]
    assert config.data_preprocessor.num_classes == CLASS_COUNTS[name]


@pytest.mark.parametrize('name', LAYOUTS)
def test_training_and_validation_images_differ(name):
    config, train = dataset_of(name, 'train')
    assert config.val_dataloader == config.test_dataloader
    if name != 'cifar100':
        paths = [{data.get_data_info(i)['img_path'] for i in range(4)} for data in (train, dataset_of(name, 'val')[1])]
        assert not paths[0] & paths[1]
    types = [[step.type for step in config[f'{part}_pipeline']] for part in ('train', 'test')]
    assert 'RandomFlip' in types[0] and not any(step.startswith('Random') for step in types[1])


def small_runner(config, folder):
    """The runner of a config, with batches of two."""
    config.work_dir = str(folder)
    config.log_level = 'ERROR'
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].update(batch_size=2, num_workers=0, persistent_workers=False)
    return Runner.from_cfg(config)


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.stem)
def test_a_recipe_trains_and_validates(path, tmp_path):
    config = Config.fromfile(path)
    runner = small_runner(config, tmp_path)
    model = runner.model
    batch = next(iter(runner.build_dataloader(config.train_dataloader)))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    losses = model.train_step(batch, runner.build_optim_wrapper(config.optim_wrapper))
    assert all(torch.isfinite(value) for value in losses.values())
    methods = config.model.methods if is_distilling(config) else {}
    assert all(any(name.startswith(f'distill.{method}.') for name in losses) for method in methods)
    # Weight decay moves even weights without a gradient, but not those that the optimizer was not given.
    assert all(
        (old != new).any() or not old.any() for old, new in zip(before, model.parameters(), strict=True)
    )
    assert 0 <= runner.val()['accuracy/top1'] <= 100
    assert model.head.num_classes == CLASS_COUNTS[data_of(path)]


@pytest.mark.parametrize(
    'name', ['resnet32x4_resnet8x4_cifar100-32x32_240e', 'resnet34_resnet18_imagenet-224x224']
)
def test_mlkd_trains_on_four_views_and_validates_on_one(name, tmp_path):
    config = Config.fromfile(CONFIGS / 'mlkd' / f'mlkd_{name}.py')
    init_default_scope('mmpretrain')
    teacher = MODELS.build(without_pretrained(load_config(config.model.teacher.config).model))
    config.model.teacher.checkpoint = str(tmp_path / 'teacher.pth')
    torch.save(dict(state_dict=teacher.state_dict()), config.model.teacher.checkpoint)
    runner = small_runner(config, tmp_path)
    model = runner.model
    batch = next(iter(runner.build_dataloader(config.train_dataloader)))
    with Taps(model, ['backbone:input[0]', 'head.loss_module:input[0]']) as record:
        losses = model.train_step(batch, runner.build_optim_wrapper(config.optim_wrapper))
    assert all(torch.isfinite(value) for value in losses.values())
    terms = ('individual', 'relational', 'categorical')
    assert {f'distill.mlkd.loss_{term}' for term in terms} <= set(losses)
    assert len(record['backbone:input[0]']) == 8, 'two images have four views each'
    assert len(record['head.loss_module:input[0]']) == 2, 'the label is learned from the upright views'
    assert 0 <= runner.val()['accuracy/top1'] <= 100


@pytest.mark.parametrize(
    'path', [path for path in RECIPES if not path.stem.endswith('_240e')], ids=lambda path: path.stem
)
def test_the_recipe_is_the_published_one(path):
    config = Config.fromfile(path)
    imagenet = data_of(path) == 'imagenet'
    assert config.optim_wrapper.optimizer == dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
    assert config.train_dataloader.batch_size == (256 if imagenet else 128)
    assert config.train_cfg.max_epochs == (90 if imagenet else 200)
    assert config.param_scheduler.milestones == ([30, 60] if imagenet else [100, 150])
    assert config.default_hooks.checkpoint.save_best is None


@pytest.mark.parametrize(
    'name, parameters',
    [
        ('resnet18_cifar100-32x32', 11_220_132),
        ('resnet18_imagenet-224x224', 11_689_512),
        ('resnet34_imagenet-224x224', 21_797_672),
        # Without the 256 parameters of a batch norm that the published code never uses.
        ('wrn-16-2_cifar100-32x32', 703_060 - 256),
        ('resnet32x4_cifar100-32x32_240e', 7_433_860),
        ('resnet8x4_cifar100-32x32_240e', 1_233_540),
        ('vgg13_cifar100-32x32_240e', 9_462_180),
        ('vgg8_cifar100-32x32_240e', 3_965_028),
        ('wrn-40-2_cifar100-32x32_240e', 2_255_156),
        ('wrn-16-2_cifar100-32x32_240e', 703_284),
        ('shufflenet-v2_cifar100-32x32_240e', 1_355_528),
    ],
)
def test_students_have_the_published_sizes_and_no_block_starts_as_identity(name, parameters):
    config = Config.fromfile(CONFIGS / 'plain' / f'{name}.py')
    init_default_scope('mmpretrain')
    model = MODELS.build(config.model)
    model.init_weights()
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms and all((norm.weight == 1).all() for norm in norms)


def methods(name):
    return Config.fromfile(CONFIGS / 'frskd' / f'frskd_{name}.py').model.methods


@pytest.mark.parametrize(
    'name, weights',
    [
        ('resnet18_cifar100-32x32', (2.0, 100.0)),
        ('wrn-16-2_cifar100-32x32', (2.0, 100.0)),
        ('resnet18_cifar100-32x32_without-features', (2.0, 0.0)),
        ('resnet18_tinyimagenet-32x32', (3.0, 100.0)),
        ('resnet18_cub200-224x224', (1.0, 300.0)),
    ],
)
def test_the_weights_of_a_data_set(name, weights):
    method = methods(name).frskd
    assert (method.logit_weight, method.feature_weight, method.temperature) == (*weights, 4.0)


@pytest.mark.parametrize('name', ['mixup', 'cutmix'])
def test_a_distilling_student_mixes_as_the_plain_one(name):
    plain = Config.fromfile(CONFIGS / 'plain' / f'resnet18_cifar100-32x32_{name}.py').model
    distilling = Config.fromfile(CONFIGS / 'frskd' / f'frskd_resnet18_cifar100-32x32_{name}.py').model
    assert distilling.student == plain
    assert plain.train_cfg.augments.alpha == dict(mixup=0.2, cutmix=1.0)[name]
