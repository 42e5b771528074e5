"""The glue and the command, on a small segmentor with a self-teacher and three images."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmkd.visualization.models import collect, load_dataset, load_model, predict, require_one_task, spread
from mmkd.visualization.painter import painter_of
from tests.students import build, classifier, segmentor

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = {
    'plain': ROOT / 'configs' / 'plain' / 'fpn_r18w16_demo-64x64.py',
    'frskd': ROOT / 'configs' / 'frskd' / 'frskd_fpn_r18w16_demo-64x64.py',
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo')
    generator = np.random.default_rng(0)
    for split in ('train', 'val'):
        for number in range(3):
            mmcv.imwrite(
                generator.integers(0, 255, (64, 64, 3), np.uint8), str(folder / f'images/{split}/{number}.jpg')
            )
            mmcv.imwrite(generator.integers(0, 11, (64, 64), np.uint8), str(folder / f'masks/{split}/{number}.png'))
    for name, base in CONFIGS.items():
        loader = f'dict(dataset=dict(data_root={str(folder)!r}))'
        lines = [f'{split}_dataloader = {loader}' for split in ('train', 'val')] + ['test_dataloader = None']
        (folder / f'{name}.py').write_text(f'_base_ = {str(base)!r}\n' + '\n'.join(lines))
        save(folder, name)
    return folder


def save(folder, name, **more):
    config = Config.fromfile(folder / f'{name}.py')
    init_default_scope(config.default_scope)
    torch.manual_seed(0)
    torch.save({'state_dict': MODELS.build({**config.model, **more}).state_dict()}, folder / f'{name}.pth')


def load(folder, name):
    return load_model(str(folder / f'{name}.py'), str(folder / f'{name}.pth'), 'cpu')


def test_loaded_model_has_the_weights_and_is_in_eval_mode(folder):
    model, _ = load(folder, 'frskd')
    assert not any(module.training for module in model.modules())
    saved = torch.load(folder / 'frskd.pth')['state_dict']
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())


def test_a_preprocessor_beside_the_model_is_used(folder, tmp_path):
    # mmpretrain's configs keep it there
    preprocessor = dict(mean=[7.0] * 3, std=[2.0] * 3)
    config = Config(dict(default_scope='mmpretrain', model=classifier(), data_preprocessor=preprocessor))
    config.dump(tmp_path / 'c.py')
    save(tmp_path, 'c')
    model, _ = load(tmp_path, 'c')
    assert model.data_preprocessor.mean.flatten().tolist() == [7.0] * 3


def test_sample_has_the_image_in_rgb_its_truth_and_the_attention_of_the_last_model(folder):
    (plain, config), (frskd, _) = load(folder, 'plain'), load(folder, 'frskd')
    dataset = load_dataset(config, 'val')
    painter = painter_of(plain, dataset.metainfo)
    assert painter.classes[:2] == ['background', '0'] and painter.palette[0] == (0, 0, 0)
    sample = collect(dict(one=plain, two=frskd), dataset[1], painter, 'x')
    assert [picture.title for picture in sample.pictures] == ['input', 'truth', 'prediction\none', 'prediction\ntwo']
    expected = mmcv.imread(str(folder / 'images/val/1.jpg'), channel_order='rgb')
    np.testing.assert_array_equal(sample.pictures[0].image, expected)
    labels = mmcv.imread(str(folder / 'masks/val/1.png'), 'unchanged')
    np.testing.assert_array_equal(sample.pictures[1].image, np.array(painter.palette, np.uint8)[labels])
    assert sample.attention.taught and not collect(dict(one=plain), dataset[1], painter, 'x').attention.taught


def test_a_prediction_is_that_of_the_test_step(folder):
    model, config = load(folder, 'plain')
    data = load_dataset(config, 'val')[1]
    with torch.no_grad():
        expected = model.test_step(dict(inputs=[data['inputs']], data_samples=[data['data_samples']]))[0]
    assert torch.equal(predict(model, data).pred_sem_seg.data, expected.pred_sem_seg.data)


def test_training_images_are_read_without_augmentation(folder):
    _, config = load(folder, 'plain')
    first, second = (load_dataset(config, 'train')[2]['inputs'] for _ in range(2))
    assert first.shape == (3, 64, 64) and torch.equal(first, second)
    assert torch.equal(
        first.flip(0).permute(1, 2, 0),
        torch.from_numpy(mmcv.imread(str(folder / 'images/train/2.jpg'), channel_order='rgb')),
    )


def test_bad_input_is_one_sentence(folder, tmp_path):
    model, config = load(folder, 'plain')
    with pytest.raises(ValueError, match="split is 'tst', but it must be one of"):
        load_dataset(config, 'tst')
    with pytest.raises(ValueError, match='no test_dataloader'):
        load_dataset(config, 'test')
    with pytest.raises(FileNotFoundError, match='There is no checkpoint'):
        load_model(str(folder / 'plain.py'), str(tmp_path / 'none.pth'), 'cpu')
    with pytest.raises(ValueError, match=r"'plain\.pth' lacks .* another shape, 'distill\."):
        load_model(str(folder / 'frskd.py'), str(folder / 'plain.pth'), 'cpu')

    dataset = load_dataset(config, 'val')
    data, painter = dataset[0], painter_of(model, dataset.metainfo)
    del data['data_samples'].gt_sem_seg
    with pytest.raises(ValueError, match="no label map for 'x': add LoadAnnotations"):
        collect(dict(net=model), data, painter, 'x')
    (tmp_path / 'empty' / 'masks').mkdir(parents=True)
    settings = config.val_dataloader.dataset
    settings.data_root, settings.data_prefix = str(tmp_path / 'empty'), dict(img_path='masks', seg_map_path='masks')
    with pytest.raises(ValueError, match="split 'val' has no images"):
        load_dataset(config, 'val')


def test_models_of_different_tasks_are_not_compared():
    models = dict(a=build(segmentor()), b=build(classifier(), 'mmpretrain'))
    with pytest.raises(ValueError, match=r"different tasks \({'a': 'segmentation', 'b': 'classification'}\)"):
        require_one_task(models)
    require_one_task(dict(a=models['a'], c=models['a']))


def test_a_model_of_no_toolbox_is_refused():
    with pytest.raises(TypeError, match='it must be a model of mmpretrain, mmseg, mmdet'):
        painter_of(torch.nn.Linear(1, 1), {})


@pytest.mark.parametrize('length, number, indices', [(10, 2, [0, 5]), (3, 8, [0, 1, 2]), (500, 4, [0, 125, 250, 375])])
def test_spread(length, number, indices):
    assert spread(length, number) == indices


def call(*words):
    command = [sys.executable, ROOT / 'tools' / 'visualize.py', *words, '--device', 'cpu']
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def test_command_draws_every_image_an_overview_and_a_page(folder, tmp_path):
    models = [folder / 'frskd.py', folder / 'frskd.pth', '--compare', folder / 'plain.py', folder / 'plain.pth']
    done = call(*models, '--num', 2, '--out', tmp_path / 'pictures', '--labels', 'FRSKD', 'plain')
    assert done.returncode == 0, done.stderr
    files = sorted(file.name for file in (tmp_path / 'pictures').iterdir())
    assert files == ['0.png', '1.png', 'index.html', 'overview.png']
    height, width, _ = mmcv.imread(str(tmp_path / 'pictures' / '0.png')).shape
    assert 900 < height < 2000 and 900 < width < 2000
    assert '2/2 1.png' in done.stdout and 'index.html' in done.stdout
    page = (tmp_path / 'pictures' / 'index.html').read_text()
    assert 'What FRSKD sees' in page and str(folder / 'frskd.pth') in page


@pytest.mark.parametrize(
    'words, message',
    [
        (['--compare', 'plain.py', 'plain.pth'], 'but 2 different names are needed: set --labels'),
        (['--num', '0'], '--num is 0, but it must be at least 1'),
        (['--score-threshold', '30'], '--score-threshold is 30.0, but it must be from 0 to 1'),
        (['--source', 'neck', '--split', 'test'], 'The config has no test_dataloader'),
    ],
)
def test_command_refuses_in_one_sentence(folder, monkeypatch, capsys, words, message):
    spec = importlib.util.spec_from_file_location('visualize', ROOT / 'tools' / 'visualize.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')
    words = ['plain.py', 'plain.pth', *words, '--device', 'cpu']
    words = [str(folder / word) if word.startswith('plain') else word for word in words]
    monkeypatch.setattr('sys.argv', ['visualize.py', *words])
    with pytest.raises(SystemExit) as stopped:
        tool.main()
    assert stopped.value.code == 1 and message in capsys.readouterr().err
