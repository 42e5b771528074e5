"""The glue and the command, on a small segmentor with a self-teacher and three images."""

import subprocess
import sys
from pathlib import Path

import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmkd.visualization.models import load_dataset, load_model, look, predict, read_features, spread

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
        torch.manual_seed(0)
        model = build(folder / f'{name}.py')
        torch.save({'state_dict': model.state_dict()}, folder / f'{name}.pth')
    return folder


def build(file):
    from mmengine.registry import MODELS, init_default_scope

    config = Config.fromfile(file)
    init_default_scope(config.default_scope)
    return MODELS.build(config.model)


def load(folder, name):
    return load_model(str(folder / f'{name}.py'), str(folder / f'{name}.pth'), 'cpu')


def test_loaded_model_has_the_weights_and_is_in_eval_mode(folder):
    model, _ = load(folder, 'frskd')
    assert not any(module.training for module in model.modules())
    saved = torch.load(folder / 'frskd.pth')['state_dict']
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())


def test_student_and_self_teacher_have_the_same_stages(folder):
    model, config = load(folder, 'frskd')
    data = load_dataset(config, 'val')[0]
    student, teacher = read_features(model, data)
    assert len(student) == len(teacher) == 4
    assert [level.shape[2:] for level in student] == [level.shape[2:] for level in teacher]
    method = next(iter(model.distill.methods.values()))
    with torch.no_grad():
        images = model.data_preprocessor({'inputs': [data['inputs']], 'data_samples': [data['data_samples']]}, False)
        torch.testing.assert_close(teacher[0], method.self_teacher(model.backbone(images['inputs']))[0][0])


def test_plain_model_has_stages_but_no_self_teacher(folder):
    model, config = load(folder, 'plain')
    student, teacher = read_features(model, load_dataset(config, 'val')[0])
    assert len(student) == 4 and teacher == []


def test_sample_has_the_image_in_rgb_and_its_truth(folder):
    model, config = load(folder, 'plain')
    data = load_dataset(config, 'val')[1]
    labels = predict(model, data)
    sample = look(model, data, {'net': labels})
    assert sample.name == '1' and labels.shape == (64, 64) and sample.predictions['net'] is labels
    np.testing.assert_array_equal(sample.image, mmcv.imread(str(folder / 'images/val/1.jpg'), channel_order='rgb'))
    np.testing.assert_array_equal(sample.truth, mmcv.imread(str(folder / 'masks/val/1.png'), 'unchanged'))


def test_training_images_are_read_without_augmentation(folder):
    _, config = load(folder, 'plain')
    first, second = (load_dataset(config, 'train')[2]['inputs'] for _ in range(2))
    assert first.shape == (3, 64, 64) and torch.equal(first, second)
    assert torch.equal(
        first.flip(0).permute(1, 2, 0),
        torch.from_numpy(mmcv.imread(str(folder / 'images/train/2.jpg'), channel_order='rgb')),
    )


def test_bad_input_is_one_sentence(folder, tmp_path):
    _, config = load(folder, 'plain')
    with pytest.raises(ValueError, match="split is 'tst', but it must be one of"):
        load_dataset(config, 'tst')
    with pytest.raises(ValueError, match='no test_dataloader'):
        load_dataset(config, 'test')
    with pytest.raises(FileNotFoundError, match='There is no checkpoint'):
        load_model(str(folder / 'plain.py'), str(tmp_path / 'none.pth'), 'cpu')
    with pytest.raises(ValueError, match=r"'plain\.pth' lacks .* another shape, 'distill\."):
        load_model(str(folder / 'frskd.py'), str(folder / 'plain.pth'), 'cpu')

    state = torch.load(folder / 'plain.pth')['state_dict']
    state['decode_head.conv_seg.weight'] = state['decode_head.conv_seg.weight'][:5]
    torch.save({'state_dict': state}, tmp_path / 'five.pth')
    with pytest.raises(ValueError, match=r"'five\.pth' lacks 1 of .*another shape, 'decode_head\.conv_seg\.weight'"):
        load_model(str(folder / 'plain.py'), str(tmp_path / 'five.pth'), 'cpu')


@pytest.mark.parametrize('length, number, indices', [(10, 2, [0, 5]), (3, 8, [0, 1, 2]), (500, 4, [0, 125, 250, 375])])
def test_spread(length, number, indices):
    assert spread(length, number) == indices


def call(*words):
    command = [sys.executable, ROOT / 'tools' / 'visualize.py', *words, '--device', 'cpu']
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def test_command_draws_every_image_and_an_overview(folder, tmp_path):
    models = [folder / 'frskd.py', folder / 'frskd.pth', '--compare', folder / 'plain.py', folder / 'plain.pth']
    done = call(*models, '--num', 2, '--out', tmp_path / 'pictures', '--labels', 'FRSKD', 'plain')
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / 'pictures').iterdir()) == ['0.png', '1.png', 'overview.png']
    height, width, _ = mmcv.imread(str(tmp_path / 'pictures' / '0.png')).shape
    assert width > height > 600
    assert '2/2 1.png' in done.stdout


def test_command_refuses_equal_names(folder):
    models = [folder / 'plain.py', folder / 'plain.pth', '--compare', folder / 'plain.py', folder / 'plain.pth']
    done = call(*models)
    assert done.returncode == 1 and 'but 2 different names are needed: set --labels' in done.stderr
