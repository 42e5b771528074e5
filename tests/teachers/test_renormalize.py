"""A teacher is shown what its own preprocessing would have made of the images."""

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import PixelData

from mmkd.step import Step
from mmkd.tasks import task_of
from mmkd.teachers.renormalize import Renormalizer
from tests.students import build, classifier, detector, segmentor
from tests.teachers import taught, teacher_of

SIZE = 64
SIZES = ((64, 64), (40, 52))
CAFFE = dict(mean=[103.53, 116.28, 123.675], std=[1.0, 1.0, 1.0])
IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
HALF = dict(mean=[127.5], std=[127.5])
SEG = dict(type='mmseg.SegDataPreProcessor', size=(SIZE, SIZE), seg_pad_val=255)
DET = dict(type='mmdet.DetDataPreprocessor', pad_size_divisor=32)
CLS = dict(type='mmpretrain.ClsDataPreprocessor', pad_size_divisor=32)
STUDENTS = dict(
    plain=SEG,
    rgb=dict(SEG, **IMAGENET, bgr_to_rgb=True, pad_val=0),
    padded=dict(SEG, **IMAGENET, bgr_to_rgb=True, pad_val=7),
    bgr=dict(DET, **CAFFE, pad_value=0),
    detector=dict(DET, **IMAGENET, bgr_to_rgb=True, pad_value=3),
)
TEACHERS = dict(
    plain=dict(SEG, pad_val=11),
    rgb=dict(SEG, **IMAGENET, bgr_to_rgb=True, pad_val=0),
    bgr=dict(DET, **CAFFE, pad_value=2),
    detector=dict(DET, **IMAGENET, bgr_to_rgb=True, pad_value=0),
    classifier=dict(CLS, **IMAGENET, to_rgb=True, pad_value=5),
    one_channel=dict(SEG, **HALF, rgb_to_bgr=True, pad_val=0),
)


def raw_images():
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, *size), generator=generator, dtype=torch.uint8) for size in SIZES]


def sample_of(preprocessor, image):
    size = tuple(image.shape[-2:])
    meta = dict(img_shape=size, ori_shape=size, pad_shape=size, scale_factor=(1.0, 1.0))
    if 'Seg' in preprocessor['type']:
        from mmseg.structures import SegDataSample

        return SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=torch.zeros(1, *size, dtype=torch.long)))
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    empty = InstanceData(bboxes=torch.empty(0, 4), labels=torch.empty(0, dtype=torch.long))
    return DetDataSample(metainfo=meta, gt_instances=empty, ignored_instances=empty)


def prepared(preprocessor, training=True):
    """A preprocessor, and what it makes of the raw images."""
    init_default_scope('mmengine')
    module, images = MODELS.build(preprocessor), raw_images()
    if 'Cls' in preprocessor['type']:
        return module, module(dict(inputs=images), training)
    samples = [sample_of(preprocessor, image) for image in images]
    return module, module(dict(inputs=images, data_samples=samples), training)


def student_of(preprocessor):
    is_segmentor = 'Seg' in preprocessor['type']
    config = (segmentor if is_segmentor else detector)()
    config.data_preprocessor = preprocessor
    return build(config, 'mmseg' if is_segmentor else 'mmdet')


@pytest.mark.parametrize('teacher', TEACHERS.values(), ids=TEACHERS)
@pytest.mark.parametrize('student', STUDENTS.values(), ids=STUDENTS)
def test_the_batch_is_that_of_the_teachers_own_preprocessing(student, teacher):
    own, data = prepared(student)
    other, expected = prepared(teacher)
    model = student_of(student)
    task = task_of(model)
    step = Step(model, task, None, data['data_samples'], data['inputs'])
    renormalizer = Renormalizer.between(own, other)
    seen = renormalizer(step.inputs, lambda: task.valid_positions(step, [step.inputs]))
    torch.testing.assert_close(seen, expected['inputs'], rtol=1e-5, atol=1e-4)


def test_equal_preprocessing_hands_the_batch_over_as_it_is():
    own, data = prepared(STUDENTS['rgb'])
    other, _ = prepared(TEACHERS['detector'])

    def unasked():
        raise AssertionError('nobody needs to know what is padding')

    assert Renormalizer.between(own, other)(data['inputs'], unasked) is data['inputs']


def test_without_padding_only_the_colours_change():
    own, _ = prepared(STUDENTS['plain'])
    other, _ = prepared(TEACHERS['rgb'])
    image = torch.tensor([10.0, 20.0, 30.0]).reshape(1, 3, 1, 1)
    (seen,) = Renormalizer.between(own, other)(image, lambda: None)
    expected = [(30 - 123.675) / 58.395, (20 - 116.28) / 57.12, (10 - 103.53) / 57.375]
    assert seen.flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_the_type_stays_and_half_precision_is_normalised_in_single(dtype):
    own, _ = prepared(STUDENTS['rgb'])
    other, _ = prepared(TEACHERS['bgr'])
    images = torch.linspace(-2, 2, 3 * 64).reshape(1, 3, 8, 8)
    seen = Renormalizer.between(own, other)(images.to(dtype), lambda: None)
    expected = Renormalizer.between(own, other)(images.to(dtype).to(torch.float64), lambda: None)
    assert seen.dtype == dtype
    torch.testing.assert_close(seen.double(), expected, rtol=torch.finfo(dtype).eps, atol=1e-3)


def test_the_teacher_of_a_training_step_sees_its_own_preprocessing(tmp_path):
    config = segmentor()
    config.data_preprocessor = TEACHERS['bgr'] | dict(type='mmdet.DetDataPreprocessor')
    model = taught(tmp_path, teacher=teacher_of(tmp_path, config, 'mmseg'))
    (teacher,) = model.distill.teachers
    shown = []
    teacher.model.backbone.register_forward_pre_hook(lambda module, args: shown.append(args[0]))
    model.data_preprocessor.size = (SIZE, SIZE)
    images = raw_images()
    data = dict(inputs=images, data_samples=[sample_of(SEG, image) for image in images])
    model.loss(**model.data_preprocessor(data, True))
    torch.testing.assert_close(shown[0], prepared(TEACHERS['bgr'])[1]['inputs'], rtol=1e-5, atol=1e-4)


def test_mixed_images_are_mixed_in_the_teachers_colours_too(tmp_path):
    config = classifier()
    config.data_preprocessor = dict(
        type='ClsDataPreprocessor', num_classes=5, **IMAGENET, to_rgb=True, to_onehot=True
    )
    student = build(config, 'mmpretrain')
    init_default_scope('mmengine')
    other = MODELS.build(dict(CLS, **CAFFE))
    images = torch.stack([image[:, :32, :32] for image in raw_images()])
    pair = [module(dict(inputs=images), False)['inputs'] for module in (student.data_preprocessor, other)]
    mixed = [0.3 * batch + 0.7 * batch.flip(0) for batch in pair]
    seen = Renormalizer.between(student.data_preprocessor, other)(mixed[0], lambda: None)
    torch.testing.assert_close(seen, mixed[1], rtol=1e-5, atol=1e-4)
