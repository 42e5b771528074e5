"""The forms in which a config names a teacher."""

import pytest
import torch
from mmengine.config import Config

from mmkd.teachers import build_teachers
from mmkd.teachers.build import build_model
from tests.students import (
    FRSKD,
    build,
    classification_batch,
    classifier,
    detector,
    distilling,
    segmentation_batch,
    segmentor,
)
from tests.teachers import lessons_of, taught, teacher_of

FAST_SCNN = 'mmseg::fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py'


@pytest.fixture
def checkpoint(tmp_path):
    torch.save(dict(state_dict=build(segmentor(), seed=3).state_dict()), tmp_path / 'teacher.pth')
    return str(tmp_path / 'teacher.pth')


def whole(**changes):
    """A config as a training has it, with the data preprocessor beside the model."""
    model = segmentor()
    preprocessor = dict(model.pop('data_preprocessor'), mean=[1.0] * 3, std=[2.0] * 3)
    return dict(default_scope='mmseg', model=model, data_preprocessor=preprocessor, **changes)


@pytest.mark.parametrize('form', ['path', 'whole', 'Config', 'model'])
def test_a_path_a_whole_config_and_a_model_name_the_same_teacher(tmp_path, checkpoint, form):
    path = tmp_path / 'teacher.py'
    Config(whole()).dump(path)
    model = dict(segmentor(), _scope_='mmseg', data_preprocessor=whole()['data_preprocessor'])
    config = dict(path=str(path), whole=whole(), Config=Config(whole()), model=model)[form]
    teacher = dict(config=config, checkpoint=checkpoint)
    # in the scope of another toolbox
    build(classifier(), 'mmpretrain')
    (found,) = build_teachers(teacher)
    expected = torch.load(checkpoint, weights_only=True)['state_dict']
    assert all(torch.equal(value, expected[key]) for key, value in found.model.state_dict().items())
    assert found.model.data_preprocessor.mean.flatten().tolist() == [1.0] * 3
    assert found.name == (str(path) if form == 'path' else 'EncoderDecoder')
    assert teacher == dict(config=config, checkpoint=checkpoint)


def test_a_packaged_config_teaches_a_student_of_another_architecture_and_stride(tmp_path):
    torch.manual_seed(3)
    alone = build_model(FAST_SCNN)
    torch.save(alone.state_dict(), tmp_path / 'fast.pth')
    student = segmentor(num_classes=19)
    teacher = dict(config=FAST_SCNN, checkpoint=str(tmp_path / 'fast.pth'))
    model = build(distilling(student, dict(kd=dict(type='mmkd.LogitKD')), teacher=teacher))
    images, samples = segmentation_batch(size=64, num_classes=19)
    (lesson,) = lessons_of(model, (images, samples))
    # cityscapes is normalised and turned to RGB; the student's batch is neither
    shown = (images.flip(1) - torch.tensor([123.675, 116.28, 103.53])[:, None, None]) / torch.tensor(
        [58.395, 57.12, 57.375]
    )[:, None, None]
    with torch.no_grad():
        expected = alone.eval()(shown, mode='tensor')
    assert lesson.logits().shape == (2, 19, 8, 8)
    torch.testing.assert_close(lesson.logits(), expected, rtol=1e-4, atol=1e-5)
    losses = model.loss(images, samples)
    model.parse_losses(losses)[0].backward()
    assert losses['distill.kd.loss_logit'] > 0


def test_a_distilling_config_teaches_as_its_plain_student(checkpoint):
    config = dict(default_scope='mmseg', model=distilling(segmentor(), dict(frskd=dict(FRSKD))))
    (teacher,) = build_teachers(dict(config=config, checkpoint=checkpoint))
    assert not hasattr(teacher.model, 'distill')


def test_no_pretrained_weights_are_fetched(checkpoint):
    config = segmentor(pretrained='https://nowhere.invalid/a.pth')
    config.backbone.init_cfg = dict(type='Pretrained', checkpoint='torchvision://resnet18')
    build_teachers(dict(config=dict(config, _scope_='mmseg'), checkpoint=checkpoint))


@pytest.mark.parametrize(
    'teacher, message',
    [
        ([], 'teacher is an empty list'),
        (dict(checkpoint='a.pth'), r"the keys \['checkpoint'\] without config, but config is needed and config, check"),
        (dict(config={}, chekpoint='a.pth'), r"the unknown keys \['chekpoint'\]"),
        (dict(config=dict(segmentor(), _scope_='mmseg')), "The teacher 'EncoderDecoder' has no checkpoint"),
        (dict(config=dict(model=dict(depth=18)), checkpoint='a.pth'), "The config of the teacher 'None' has no model"),
    ],
)
def test_bad_configs_are_explained(teacher, message):
    with pytest.raises(ValueError, match=message):
        build_teachers(teacher)


@pytest.mark.parametrize('weight', [0, -1, float('inf'), True, 'much'])
def test_a_weight_is_a_number_above_zero(tmp_path, weight):
    with pytest.raises(ValueError, match=f'The teacher has weight={weight!r}, but a finite number above 0 is needed'):
        taught(tmp_path, weight=weight)


def test_a_config_or_checkpoint_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no config 'nowhere\.py'"):
        taught(tmp_path, teacher=dict(config='nowhere.py', checkpoint='a.pth'))
    teacher = dict(teacher_of(tmp_path, segmentor(), 'mmseg'), checkpoint='nowhere.pth')
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint 'nowhere\.pth'"):
        taught(tmp_path, teacher=teacher)


@pytest.mark.parametrize(
    'task, config, scope',
    [
        ('segmentation', segmentor, 'mmseg'),
        ('classification', classifier, 'mmpretrain'),
        ('detection', detector, 'mmdet'),
    ],
)
def test_another_class_count_is_refused_where_logits_are_compared(tmp_path, task, config, scope):
    teacher = teacher_of(tmp_path, config(num_classes=4), scope)
    own = 3 if task == 'detection' else 5
    with pytest.raises(ValueError, match=f'The teacher has num_classes=4 and the student {own}, but their logits are'):
        taught(tmp_path, task, teacher=teacher)
    taught(tmp_path, task, dict(at=dict(type='mmkd.AttentionTransfer')), teacher)


def test_a_place_that_the_teacher_does_not_have_is_named(tmp_path):
    config = segmentor()
    config.pop('neck')
    config.decode_head.update(in_channels=[8, 16, 32, 64])
    teacher = teacher_of(tmp_path, config, 'mmseg')
    with pytest.raises(ValueError, match="source='neck' was asked for, but this segmentation model has"):
        taught(tmp_path, methods=dict(at=dict(type='mmkd.AttentionTransfer', source='neck')), teacher=teacher)


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / 'harm'), 'w')

    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain')
    weights = torch.load(teacher['checkpoint'], weights_only=True)
    torch.save(dict(weights, meta=Evil()), teacher['checkpoint'])
    with pytest.raises(ValueError, match=r'holds more than weights .*trusted=True'):
        taught(tmp_path, 'classification', teacher=teacher)
    assert not (tmp_path / 'harm').exists()
    model = taught(tmp_path, 'classification', teacher=dict(teacher, trusted=True))
    assert (tmp_path / 'harm').exists()
    assert model.loss(*classification_batch())['distill.kd.loss_logit'] > 0
