"""A teacher beside the student: frozen, in eval mode, no part of it, and run no more than needed."""

import copy
import pickle

import pytest
import torch
from torch import nn

from tests.students import (
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    classifier,
    detection_batch,
    distilling,
    segmentation_batch,
    segmentor,
)
from tests.teachers import count_runs, lessons_of, taught, teacher_of

BATCHES = dict(
    segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch
)
ATTENTION = dict(at=dict(type='mmkd.AttentionTransfer'))
TASKS = list(STUDENTS)


def refuse(*args, **kwargs):
    raise AssertionError('this is deeper than the teacher may run, or its training loss')


def forbid(module):
    module.forward = refuse


@pytest.mark.parametrize('task', TASKS)
def test_the_lesson_is_what_the_teacher_alone_says_in_eval_mode(tmp_path, task):
    model = taught(tmp_path, task)
    (lesson,) = lessons_of(model, BATCHES[task]())
    alone = build(STUDENTS[task](), SCOPES[task], seed=3).eval()
    with torch.no_grad():
        expected = alone(BATCHES[task]()[0], mode='tensor')
    expected = expected[0] if task == 'detection' else [expected]
    logits = lesson.logits()[0] if task == 'detection' else [lesson.logits()]
    assert all(torch.equal(*pair) for pair in zip(logits, expected, strict=True))


@pytest.mark.parametrize('task', TASKS)
def test_losses_fall_to_nothing_only_where_the_student_is_its_teacher(tmp_path, task):
    own = teacher_of(tmp_path, STUDENTS[task](), SCOPES[task], seed=0)
    for teacher, is_same in ((own, True), (teacher_of(tmp_path, STUDENTS[task](), SCOPES[task]), False)):
        model = taught(tmp_path, task, teacher=teacher).eval()
        loss = model.loss(*BATCHES[task]())['distill.kd.loss_logit'].item()
        assert (abs(loss) < 1e-6) == is_same


def test_every_submodule_is_in_eval_mode_at_every_step_whoever_called_train(tmp_path):
    model = taught(tmp_path)
    (teacher,) = model.distill.teachers
    modes = []
    for module in teacher.model.modules():
        module.register_forward_pre_hook(lambda module, args: modes.append(module.training))
    for disturb in (model.train, teacher.model.train, teacher.model.decode_head.train):
        disturb()
        model.loss(*segmentation_batch())
    assert len(modes) > 100 and not any(modes)


def test_dropout_and_drop_path_are_off_and_statistics_stay(tmp_path):
    config = classifier()
    config.backbone.drop_path_rate = 0.9
    config.head = dict(type='StackedLinearClsHead', num_classes=5, in_channels=64, mid_channels=[8], dropout_rate=0.9)
    teacher = teacher_of(tmp_path, config, 'mmpretrain')
    model = taught(tmp_path, 'classification', teacher=teacher)
    kinds = {type(module).__name__ for module in model.distill.teachers[0].model.modules()}
    assert {'DropPath', 'Dropout', 'BatchNorm2d'} <= kinds
    before = copy.deepcopy(model.distill.teachers[0].model.state_dict())
    said = []
    for _ in range(2):
        model.distill.teachers[0].model.train()
        said.append(lessons_of(model, classification_batch())[0].logits())
    assert torch.equal(*said)
    after = model.distill.teachers[0].model.state_dict()
    assert all(torch.equal(before[key], value) for key, value in after.items())


@pytest.mark.parametrize('task', TASKS)
def test_nothing_of_a_teacher_gets_a_gradient_and_its_outputs_may_be_saved_for_backward(tmp_path, task):
    model = taught(tmp_path, task, dict(kd=dict(type='mmkd.LogitKD'), **ATTENTION))
    (teacher,) = model.distill.teachers
    (lesson,) = lessons_of(model, BATCHES[task]())
    maps = lesson.features('backbone')
    assert not any(level.requires_grad or level.is_inference() for level in maps)
    teacher.model.requires_grad_(True)
    model.parse_losses(model.loss(*BATCHES[task]()))[0].backward()
    assert all(parameter.grad is None for parameter in teacher.model.parameters())
    assert model.backbone.conv1.weight.grad.abs().sum() > 0


def test_the_parameters_are_frozen(tmp_path):
    assert not any(p.requires_grad for p in taught(tmp_path).distill.teachers[0].model.parameters())


def test_the_student_has_nothing_of_its_teacher(tmp_path):
    model, plain = taught(tmp_path), build(segmentor())
    assert list(model.state_dict()) == list(plain.state_dict())
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in plain.named_parameters()]
    theirs = {id(module) for module in model.distill.teachers[0].model.modules()}
    assert theirs.isdisjoint(map(id, model.modules()))
    assert all(torch.equal(value, plain.state_dict()[key]) for key, value in model.state_dict().items())


def test_building_a_teacher_draws_no_random_number(tmp_path):
    teacher = teacher_of(tmp_path, segmentor(), 'mmseg')
    build(segmentor())
    expected = torch.rand(3)
    build(distilling(segmentor(), ATTENTION, teacher=teacher))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize('task', TASKS)
def test_a_teacher_runs_no_deeper_than_its_deepest_place(tmp_path, task):
    model = taught(tmp_path, task, ATTENTION)
    (teacher,) = model.distill.teachers
    expected = model.loss(*BATCHES[task]())['distill.at.loss_attention']
    for name, module in teacher.model.named_modules():
        if name.partition('.')[0] in ('neck', 'decode_head', 'head', 'bbox_head'):
            forbid(module)
    assert torch.equal(model.loss(*BATCHES[task]())['distill.at.loss_attention'], expected)


def test_a_teacher_stops_within_its_backbone_after_the_last_stage_that_is_read(tmp_path):
    stages = ['backbone.layer1', 'backbone.layer2']
    teacher = teacher_of(tmp_path, segmentor(), 'mmseg', taps=dict(backbone=stages))
    methods = dict(at=dict(type='mmkd.AttentionTransfer', levels=(0, 1)))
    model = taught(tmp_path, methods=methods, teacher=teacher)
    forbid(model.distill.teachers[0].model.backbone.layer3)
    assert model.loss(*segmentation_batch())['distill.at.loss_attention'] > 0


def test_the_classifier_of_a_segmentor_does_not_run_where_the_map_before_it_is_read(tmp_path):
    model = taught(tmp_path, methods=dict(at=dict(type='mmkd.AttentionTransfer', source='decoder')))
    forbid(model.distill.teachers[0].model.decode_head.conv_seg)
    assert model.loss(*segmentation_batch())['distill.at.loss_attention'] > 0


@pytest.mark.parametrize('task', TASKS)
def test_the_training_loss_of_the_teachers_toolbox_never_runs(tmp_path, task):
    model = taught(tmp_path, task, dict(kd=dict(type='mmkd.LogitKD'), **ATTENTION))
    for module in model.distill.teachers[0].model.modules():
        for name in ('loss', 'loss_by_feat', 'loss_and_target', '_get_loss', 'get_targets'):
            if callable(getattr(module, name, None)):
                setattr(module, name, refuse)
    assert model.loss(*BATCHES[task]())['distill.kd.loss_logit'] > 0


def test_a_classifier_teaches_a_segmentor_by_its_features(tmp_path):
    config = classifier(num_classes=7)
    config.backbone.update(type='ResNet', base_channels=16, stem_channels=16, out_indices=(0, 1, 2, 3))
    config.head.in_channels = 128
    teacher = teacher_of(tmp_path, config, 'mmpretrain')
    model = taught(tmp_path, methods=ATTENTION, teacher=teacher)
    (lesson,) = lessons_of(model, segmentation_batch())
    assert [level.shape[1] for level in lesson.features('backbone')] == [16, 32, 64, 128]
    alone = build(config, 'mmpretrain', seed=3).eval()
    with torch.no_grad():
        expected = alone.backbone(segmentation_batch()[0])
    assert all(torch.equal(*pair) for pair in zip(lesson.features('backbone'), expected, strict=True))


def test_several_teachers_are_a_weighted_sum_and_by_default_their_mean(tmp_path):
    def logit_loss(*teachers):
        model = taught(tmp_path, teacher=list(teachers)).eval()
        return model.loss(*segmentation_batch())['distill.kd.loss_logit'].item()

    one, two = (teacher_of(tmp_path, segmentor(), 'mmseg', seed=seed) for seed in (3, 4))
    losses = logit_loss(one), logit_loss(two)
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)
    assert logit_loss(one, two) == pytest.approx(sum(losses) / 2)
    weighted = logit_loss(dict(one, weight=0.2), dict(two, weight=3))
    assert weighted == pytest.approx(0.2 * losses[0] + 3 * losses[1])


def test_teachers_of_different_toolboxes_teach_beside_each_other(tmp_path):
    config = classifier()
    config.backbone.update(type='ResNet', out_indices=(0, 1, 2, 3))
    teachers = [teacher_of(tmp_path, segmentor(), 'mmseg'), teacher_of(tmp_path, config, 'mmpretrain')]
    model = taught(tmp_path, methods=ATTENTION, teacher=teachers)
    model.parse_losses(model.loss(*segmentation_batch()))[0].backward()
    with pytest.raises(TypeError, match='The teacher is a classification model and the student a segmentation model'):
        taught(tmp_path, teacher=teachers)


@pytest.mark.parametrize(
    'autocast, outer, expected',
    [
        (None, None, torch.float32),
        (None, torch.bfloat16, torch.bfloat16),
        ('bfloat16', None, torch.bfloat16),
        ('float16', None, torch.float16),
        ('float16', torch.bfloat16, torch.float16),
        (False, torch.bfloat16, torch.float32),
    ],
)
def test_mixed_precision_is_that_of_the_step_or_of_the_argument(tmp_path, autocast, outer, expected):
    model = taught(tmp_path, autocast=autocast)
    exact = lessons_of(taught(tmp_path, autocast=False), segmentation_batch())[0].logits()
    with torch.autocast('cpu', outer or torch.bfloat16, enabled=outer is not None):
        (lesson,) = lessons_of(model, segmentation_batch())
        losses = model.loss(*segmentation_batch())
    assert lesson.logits().dtype == expected
    torch.testing.assert_close(lesson.logits().float(), exact, rtol=0.1, atol=0.05)
    assert losses['distill.kd.loss_logit'].isfinite()
    model.parse_losses(losses)[0].backward()


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"autocast='float64', but it must be one of .*'bfloat16'"):
        taught(tmp_path, autocast='float64')


@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
def test_a_teacher_is_converted_with_its_student(tmp_path, dtype):
    config = segmentor()
    config.data_preprocessor.update(mean=[60.0] * 3, std=[50.0] * 3, bgr_to_rgb=True)
    model = taught(tmp_path, teacher=teacher_of(tmp_path, config, 'mmseg')).to(dtype)
    assert {p.dtype for p in model.distill.teachers[0].model.parameters()} == {dtype}
    images, samples = segmentation_batch()
    (lesson,) = lessons_of(model, (images.to(dtype), samples))
    assert lesson.logits().dtype == dtype


def test_a_teacher_moves_with_its_student_and_takes_its_layout(tmp_path):
    model = taught(tmp_path).to(memory_format=torch.channels_last)
    model.loss(*segmentation_batch())
    weight = model.distill.teachers[0].model.backbone.conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    model.to('meta')
    assert {p.device.type for p in model.distill.teachers[0].model.parameters()} == {'meta'}


def test_a_teacher_follows_the_images_where_nothing_moved_it(tmp_path):
    # FSDP moves the parameters of a student one by one; the device that a CPU has beside itself is 'meta'
    (teacher,) = taught(tmp_path).distill.teachers
    maps = teacher.look(segmentation_batch()[0].to('meta'), None, ['backbone'])['backbone']
    assert {feature.device.type for feature in maps} == {'meta'}


def test_a_deep_copy_shares_the_teacher(tmp_path):
    model = taught(tmp_path)
    twin = copy.deepcopy(model)
    assert twin.distill.teachers[0] is model.distill.teachers[0]
    assert twin.distill.methods['kd'].teachers[0] is model.distill.teachers[0]
    assert torch.equal(*(each.eval().loss(*segmentation_batch())['distill.kd.loss_logit'] for each in (model, twin)))


@pytest.mark.parametrize('cache', [False, True])
def test_a_pickle_takes_the_teacher_along(tmp_path, cache):
    model = taught(tmp_path, **(dict(cache=str(tmp_path / 'cache')) if cache else {})).eval()
    expected = model.loss(*segmentation_batch())['distill.kd.loss_logit']
    twin = pickle.loads(pickle.dumps(model))
    assert twin.distill.teachers[0] is not model.distill.teachers[0]
    assert torch.equal(twin.loss(*segmentation_batch())['distill.kd.loss_logit'], expected)


def test_a_teacher_runs_once_for_all_methods(tmp_path):
    methods = dict(kd=dict(type='mmkd.LogitKD'), again=dict(type='mmkd.LogitKD', temperature=1.0), **ATTENTION)
    model = taught(tmp_path, methods=methods)
    runs = count_runs(model.distill.teachers[0])
    model.loss(*segmentation_batch())
    assert runs == [2]


def test_sync_bn_of_a_teacher_works_in_one_process(tmp_path):
    config = segmentor()
    config.backbone.norm_cfg = config.decode_head.norm_cfg = dict(type='SyncBN')
    model = taught(tmp_path, teacher=teacher_of(tmp_path, config, 'mmseg'))
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in model.distill.teachers[0].model.modules())
    model.loss(*segmentation_batch())


def test_a_compiled_student_gives_the_same_losses(tmp_path):
    # features alone: the pass of the teacher is ended early
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain', cache=str(tmp_path / 'cache'))
    eager = taught(tmp_path, 'classification', ATTENTION, teacher).eval().loss(*classification_batch())
    model = taught(tmp_path, 'classification', ATTENTION, teacher).eval()
    model.forward = torch.compile(model.forward, backend='eager')
    compiled = model(*classification_batch(), mode='loss')
    assert compiled.keys() == eager.keys()
    for key in eager:
        torch.testing.assert_close(compiled[key], eager[key], rtol=1e-4, atol=1e-5)
