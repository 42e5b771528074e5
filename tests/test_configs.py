"""Every config of the repository reads, builds and takes a training step on made-up input."""

import copy
import functools
import re
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from mmengine.utils import get_installed_path, import_modules_from_strings

import mmkd  # noqa: F401
from mmkd.engine.config import distil, is_distilling, load_config
from mmkd.engine.device import without_sync_bn
from mmkd.engine.pretrained import without_pretrained
from tests.students import classification_batch, detection_batch, segmentation_batch

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
RUNNABLE = sorted(path for path in CONFIGS.glob('[!_]*/*.py') if not path.name.startswith('benchmark'))
DISTILLING = [path for path in RUNNABLE if path.parent.name != 'plain']


@functools.cache
def read(path):
    return Config.fromfile(path)


def teachers(config):
    """The configs of the teachers of a config."""
    found = config.model.get('teacher') or []
    return [found] if isinstance(found, dict) else list(found)


def teacher_named_in(path):
    """What the text of a config says of its teacher, empty if it has none: nothing is read before the tests run."""
    pattern = r"_base_/teachers/([\w.-]+)|teacher = dict\(\s*config='([^']+)|_base_ = '\./(.+)'"
    named = re.search(pattern, path.read_text())
    if named and named[3]:
        return teacher_named_in(path.parent / named[3])
    return named[1] or named[2] if named else ''


# Those with the same teacher stand together, so that its checkpoint is made once.
TAUGHT = sorted(filter(teacher_named_in, DISTILLING), key=lambda path: (teacher_named_in(path), path))
STEPPED = [path for path in RUNNABLE if path not in TAUGHT] + TAUGHT


@pytest.mark.parametrize('path', RUNNABLE, ids=lambda path: path.stem)
def test_a_config_is_complete(path, monkeypatch):
    # Formatting takes most of the time and changes no value.
    monkeypatch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **options: (text, True))
    config = read(path)
    for key in ('model', 'train_dataloader', 'val_evaluator', 'test_dataloader', 'optim_wrapper', 'train_cfg'):
        assert key in config, key
    assert Config.fromstring(config.pretty_text, '.py').model == config.model
    assert bool(teachers(config)) == (path in TAUGHT)


@pytest.mark.parametrize('path', DISTILLING, ids=lambda path: path.stem)
def test_a_distilling_config_is_short(path):
    assert is_distilling(read(path))
    assert len(path.read_text().splitlines()) <= 12


def buildable(model):
    """A model's config that downloads nothing and runs on a CPU."""
    return ConfigDict(without_sync_bn(without_pretrained(model)))


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Makes a checkpoint with random weights for the config of a teacher; of several only the last one is kept."""
    path = tmp_path_factory.mktemp('teacher') / 'teacher.pth'

    @functools.lru_cache(maxsize=1)
    def make(name):
        config = load_config(name)
        with DefaultScope.overwrite_default_scope(config.default_scope):
            model = MODELS.build(buildable(config.model))
        torch.save(dict(state_dict=model.state_dict()), path)
        return str(path)

    yield make
    path.unlink(missing_ok=True)


def made_up_batch(config, model):
    """Images and data samples of the task of a config."""
    if config.default_scope == 'mmseg':
        return segmentation_batch(size=64, num_classes=model.decode_head.num_classes)
    if config.default_scope == 'mmdet':
        images, samples = detection_batch()
        return images[:1], samples[:1]
    images, samples = classification_batch(model.head.num_classes)
    if any(step.type == 'mmkd.RotatedViews' for step in config.train_dataloader.dataset.get('pipeline', [])):
        images = torch.stack([images.rot90(turns, (2, 3)) for turns in range(4)], dim=1)
    # Its batch augmentations and views are part of the config.
    data = model.data_preprocessor(dict(inputs=images, data_samples=samples), training=True)
    return data['inputs'], data['data_samples']


@pytest.mark.parametrize('path', STEPPED, ids=lambda path: path.stem)
def test_a_config_takes_a_training_step(path, checkpoint):
    config = copy.deepcopy(read(path))
    import_modules_from_strings(**config.get('custom_imports', dict(imports=[])))
    init_default_scope(config.default_scope)
    if 'data_preprocessor' in config:
        config.model.data_preprocessor = config.data_preprocessor
    for teacher in teachers(config):
        teacher.checkpoint = checkpoint(teacher.config)
    model = MODELS.build(buildable(config.model))
    model.train()
    images, samples = made_up_batch(config, model)
    # the last moment of a run, when every ramp has reached its end
    MessageHub.get_current_instance().update_info_dict(dict(epoch=999, max_epochs=1000, iter=99999, max_iters=100000))
    losses = model.loss(images, samples)
    model.parse_losses(losses)[0].backward()
    without = [
        name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]
    if not is_distilling(config):
        assert bool(without) == config.get('find_unused_parameters', False)
        return
    assert without == []
    assert terms_in(losses) == active_terms(model.distill.methods)
    assert {name for name, _ in terms_in(losses)} == set(config.model.methods)


def active_terms(methods):
    """What the methods compute at the present moment, as pairs of method and term."""
    return {(name, term) for name, method in methods.items() for term in method.terms if method.term_weight(term) > 0}


def terms_in(losses):
    """Pairs of method and term that have a loss."""
    keys = [key.split('.') for key in losses if key.startswith('distill.')]
    # the others, such as distill.loss_collected, belong to no method
    return {(parts[1], parts[-1].removeprefix('loss_')) for parts in keys if len(parts) > 2}


@pytest.mark.parametrize('path', TAUGHT, ids=lambda path: path.stem)
def test_the_checkpoint_of_a_teacher_is_the_one_that_its_config_gives(path):
    assert teachers(read(path))
    for teacher in teachers(read(path)):
        assert Path(teacher.checkpoint).name in checkpoints_of(teacher.config), teacher.checkpoint
        if not teacher.checkpoint.startswith('https://'):
            assert Path(teacher.checkpoint).parent == Path('work_dirs') / Path(teacher.config).stem


@functools.cache
def checkpoints_of(name):
    """Names of the last checkpoint of a training, or of the published one of a toolbox."""
    package, _, path = name.partition('::')
    if package == 'mmkd':
        loop = load_config(name).train_cfg
        return [f'epoch_{loop.max_epochs}.pth' if 'max_epochs' in loop else f'iter_{loop.max_iters}.pth']
    metafiles = (Path(get_installed_path(package)) / '.mim' / 'configs' / path).parent.glob('metafile.y*ml')
    models = [model for file in metafiles for model in yaml.safe_load(file.read_text())['Models']]
    return [Path(model['Weights']).name for model in models if Path(model['Config']).name == Path(path).name]


@pytest.mark.parametrize(
    'folder', sorted({path.parent for path in DISTILLING}), ids=lambda folder: folder.name
)
def test_a_metafile_lists_the_configs_of_its_folder(folder):
    metafile = yaml.safe_load((folder / 'metafile.yml').read_text())
    expected = [path for path in DISTILLING if path.parent == folder]
    assert [model['Name'] for model in metafile['Models']] == [path.stem for path in expected]
    assert [model['Config'] for model in metafile['Models']] == [
        path.relative_to(CONFIGS.parent).as_posix() for path in expected]
    collections = [collection['Name'] for collection in metafile['Collections']]
    assert {model['In Collection'] for model in metafile['Models']} == set(collections)


@pytest.mark.parametrize(
    'fragment', sorted((CONFIGS / '_base_' / 'methods').glob('*.py')), ids=lambda path: path.stem
)
def test_a_fragment_distils_a_plain_config(fragment):
    config = distil(Config.fromfile(CONFIGS / 'plain' / 'fpn_r18w16_demo-64x64.py'), Config.fromfile(fragment))
    assert is_distilling(config)
    assert config.custom_imports.imports == ['mmkd']


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


@pytest.mark.parametrize('student, rate', [('resnet8x4', 0.05), ('shufflenet-v2', 0.01)])
def test_the_published_recipe_of_the_crd_benchmark(student, rate):
    config = read(CONFIGS / 'plain' / f'{student}_cifar100-32x32_240e.py')
    assert config.train_cfg.max_epochs == 240 and config.train_dataloader.batch_size == 64
    assert config.optim_wrapper.optimizer == dict(type='SGD', lr=rate, momentum=0.9, weight_decay=5e-4)
    assert (config.param_scheduler.milestones, config.param_scheduler.gamma) == ([150, 180, 210], 0.1)
    assert config.data_preprocessor.mean == pytest.approx([255 * 0.5071, 255 * 0.4867, 255 * 0.4408])
    assert config.data_preprocessor.std == pytest.approx([255 * 0.2675, 255 * 0.2565, 255 * 0.2761])


@pytest.mark.parametrize('teacher, student, rate', [
    ('resnet32x4', 'resnet8x4', 0.05), ('resnet32x4', 'shufflenet-v2', 0.01), ('vgg13', 'vgg8', 0.05),
    ('wrn-40-2', 'wrn-16-2', 0.05)])
def test_the_published_recipe_of_mlkd(teacher, student, rate):
    config = read(CONFIGS / 'mlkd' / f'mlkd_{teacher}_{student}_cifar100-32x32_240e.py')
    plain = read(CONFIGS / 'plain' / f'{student}_cifar100-32x32_240e.py')
    assert config.model.student == plain.model
    assert config.model.teacher.config == f'mmkd::plain/{teacher}_cifar100-32x32_240e.py'
    assert config.optim_wrapper == plain.optim_wrapper and config.optim_wrapper.optimizer.lr == rate
    assert config.train_cfg == plain.train_cfg and config.param_scheduler == plain.param_scheduler
    assert config.val_dataloader == plain.val_dataloader
    views, pack = config.train_dataloader.dataset.pipeline
    assert views.transforms == plain.train_pipeline[:1] and pack == plain.train_pipeline[-1]
    assert config.data_preprocessor == dict(plain.data_preprocessor, type='mmkd.MultiViewDataPreprocessor')
    assert config.model.methods.mlkd.num_views == 4
