import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import EMAHook

import mmkd.visualization
from mmkd.hooks import DistillVisualizationHook
from tests.runs import config_of, train, weights
from tests.students import FRSKD, build, classifier, detection_batch, detector, distilling, segmentor

HOOK = dict(type='mmkd.DistillVisualizationHook', num_images=2)
LOCAL = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])


def run(root, work_dir, hooks=(), model=None, **changes):
    model = model or distilling(segmentor(), dict(frskd=dict(FRSKD)))
    changes.update(custom_hooks=list(hooks), work_dir=str(root / work_dir), visualizer=LOCAL)
    return train(config_of(root, model, **changes))


def pictures(root, work_dir):
    return sorted(file.name for file in (root / work_dir).glob('*/vis_data/vis_image/*.png'))


def test_training_is_bit_by_bit_the_same_and_its_pictures_are_there(tmp_path, monkeypatch):
    run(tmp_path, 'without')
    to_rgb = mmkd.visualization.to_rgb

    def drawing_random_numbers(figure):
        # as any backend or font might
        random.random(), np.random.rand(), torch.rand(1)
        return to_rgb(figure)

    monkeypatch.setattr(mmkd.visualization, 'to_rgb', drawing_random_numbers)
    run(tmp_path, 'with', [HOOK])
    # six images, two of them spread over the data; validations after two and four iterations
    names = [f'distill_{image}_{step}.png' for image in ('1_0', '2_3') for step in (2, 4)]
    assert pictures(tmp_path, 'with') == names and pictures(tmp_path, 'without') == []
    left, right = (weights(tmp_path / name / 'iter_4.pth') for name in ('without', 'with'))
    assert left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_a_plain_student_every_second_validation(tmp_path):
    hook = dict(HOOK, interval=2, num_images=1)
    run(tmp_path, 'plain', [hook], segmentor(), **{'train_cfg.val_interval': 1, 'train_cfg.max_iters': 3})
    assert pictures(tmp_path, 'plain') == ['distill_1_0_1.png', 'distill_1_0_3.png']


def test_only_the_main_process_draws(tmp_path, monkeypatch):
    monkeypatch.setattr('mmkd.hooks.distill_visualization_hook.is_main_process', lambda: False)
    run(tmp_path, 'second', [HOOK], segmentor(), **{'train_cfg.max_iters': 2})
    assert pictures(tmp_path, 'second') == []


def test_the_model_that_validates_is_drawn(tmp_path, monkeypatch):
    drawn = []
    look = mmkd.visualization.look

    def looking(model, *args):
        drawn.append(model.backbone.conv1.weight.detach().clone())
        return look(model, *args)

    monkeypatch.setattr(mmkd.visualization, 'look', looking)
    average = dict(type='EMAHook', momentum=0.1)
    runner = run(tmp_path, 'ema', [HOOK, average], segmentor(), **{'train_cfg.max_iters': 2})
    hook = next(hook for hook in runner.hooks if isinstance(hook, EMAHook))
    assert len(drawn) == 2 and torch.equal(drawn[0], hook.ema_model.module.backbone.conv1.weight)
    assert not torch.equal(drawn[0], runner.model.backbone.conv1.weight)


class Shown(list):
    def add_image(self, name, image, step):
        self.append((name, image, step))


def validate(model, batch, classes, **options):
    """The hook's part of a validation of one batch by a model."""
    data = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes)), sampler=range(2))
    runner = SimpleNamespace(model=model.eval(), val_dataloader=data, visualizer=Shown(), iter=7)
    hook = DistillVisualizationHook(**options)
    hook.before_val_epoch(runner)
    with torch.no_grad():
        outputs = model.val_step(batch)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    hook.after_val_iter(runner, 0, batch, outputs)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    return runner.visualizer


def raw(images):
    return [image.mul(40).add(128).clamp(0, 255).byte() for image in images]


def test_detectors():
    images, samples = detection_batch()
    samples[1].gt_instances = samples[1].gt_instances[:0]
    model = build(distilling(detector(), dict(frskd=dict(type='mmkd.FRSKD', source='neck'))), 'mmdet')
    shown = validate(model, dict(inputs=raw(images), data_samples=samples), ['a', 'b', 'c'], score_threshold=0.01)
    assert [(name, step) for name, _, step in shown] == [('distill_1_00000', 7), ('distill_2_00001', 7)]
    for _, image, _ in shown:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and min(image.shape[:2]) > 500


@pytest.mark.parametrize('stacked', [True, False])
def test_classifiers_with_batches_of_either_kind(stacked):
    from mmpretrain.structures import DataSample

    images = raw(torch.randn(2, 3, 32, 32))
    batch = dict(inputs=torch.stack(images) if stacked else images)
    batch['data_samples'] = [DataSample().set_gt_label(label) for label in range(2)]
    shown = validate(build(classifier(), 'mmpretrain'), batch, None, num_images=1)
    assert [name for name, _, _ in shown] == ['distill_1_00000']


@pytest.mark.parametrize(
    'argument, message',
    [
        (dict(interval=0), 'interval=0, but it must be at least 1'),
        (dict(num_images=0), 'num_images=0, but it must be at least 1'),
        (dict(top=0), 'top=0, but it must be at least 1'),
        (dict(score_threshold=50), 'score_threshold=50, but it must be from 0 to 1'),
        (dict(source='head'), "source='head', but it must be one of"),
    ],
)
def test_illegal_arguments_are_refused_at_once(argument, message):
    with pytest.raises(ValueError, match=message):
        DistillVisualizationHook(**argument)
