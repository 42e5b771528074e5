import pytest
import torch

from mmkd.visualization.attention import attention_map
from mmkd.visualization.features import look
from mmkd.visualization.images import input_image
from tests.students import FRSKD, build, classifier, detector, distilling, segmentor


def segmentation_item(height=32, width=32):
    from mmseg.structures import SegDataSample

    return dict(inputs=random_image(height, width), data_samples=SegDataSample(metainfo=meta(height, width)))


def detection_item(height, width):
    from mmdet.structures import DetDataSample

    return dict(inputs=random_image(height, width), data_samples=DetDataSample(metainfo=meta(height, width)))


def random_image(height, width):
    return torch.randint(0, 255, (3, height, width), dtype=torch.uint8)


def meta(height, width):
    return dict(img_shape=(height, width), ori_shape=(height, width), scale_factor=(1.0, 1.0))


def test_student_and_self_teacher_of_a_segmentor():
    model = build(distilling(segmentor())).eval()
    item = segmentation_item()
    attention = look(model, item)
    assert [stage.title for stage in attention.stages] == ['stage 1', 'stage 2', 'stage 3', 'stage 4']
    assert attention.taught and attention.size == (32, 32)
    assert [stage.cell for stage in attention.stages] == [(4, 4), (8, 8), (16, 16), (32, 32)]
    with torch.no_grad():
        images = model.data_preprocessor(dict(inputs=[item['inputs']], data_samples=[item['data_samples']]), False)
        features = model.backbone(images['inputs'])
        refined = model.distill.methods['frskd'].self_teacher(features)[0]
    for stage, student, teacher in zip(attention.stages, features, refined, strict=True):
        torch.testing.assert_close(stage.student, attention_map(student)[0])
        torch.testing.assert_close(stage.teacher, attention_map(teacher)[0])


def test_a_plain_model_has_no_self_teacher_and_any_source():
    model = build(segmentor()).eval()
    assert not look(model, segmentation_item()).taught
    levels = look(model, segmentation_item(), 'neck').stages
    assert [stage.title for stage in levels] == ['level 1', 'level 2', 'level 3', 'level 4']


def test_the_self_teacher_stands_beside_what_it_refines_only():
    model = build(distilling(segmentor(), dict(frskd=dict(FRSKD, source='neck')))).eval()
    assert look(model, segmentation_item()).stages[0].title == 'level 1'
    assert look(model, segmentation_item(), 'neck').taught
    assert not look(model, segmentation_item(), 'backbone').taught


def test_padding_of_a_detector_is_left_out():
    model = build(detector(), 'mmdet').eval()
    attention = look(model, detection_item(50, 70))
    assert attention.size == (50, 70) and attention.stages[0].title == 'level 1'
    # padded to 64 x 96; cells of 4, 8, … pixels, of which those that touch the image are kept
    assert [tuple(stage.student.shape) for stage in attention.stages[:3]] == [(13, 18), (7, 9), (4, 5)]
    assert [stage.cell for stage in attention.stages[:3]] == [(4, 4), (8, 8), (16, 16)]
    torch.testing.assert_close(torch.linalg.vector_norm(attention.stages[0].student), torch.tensor(1.0))


def test_the_self_teacher_of_a_detector():
    frskd = dict(type='mmkd.FRSKD', source='neck')
    attention = look(build(distilling(detector(), dict(frskd=frskd)), 'mmdet').eval(), detection_item(50, 70))
    assert attention.taught and len(attention.stages) == 5
    assert all(stage.student.shape == stage.teacher.shape for stage in attention.stages)


def test_a_classifier():
    from mmpretrain.structures import DataSample

    item = dict(inputs=random_image(32, 32), data_samples=DataSample().set_gt_label(1))
    model = build(distilling(classifier()), 'mmpretrain').eval()
    assert [tuple(stage.teacher.shape) for stage in look(model, item).stages] == [(32, 32), (16, 16), (8, 8), (4, 4)]
    assert input_image(**dict(inputs=item['inputs'], sample=item['data_samples'])).shape == (32, 32, 3)


def test_a_model_without_maps_has_no_stages():
    from mmpretrain.structures import DataSample

    config = classifier()
    config.backbone = dict(type='VisionTransformer', arch='deit-t', img_size=32, patch_size=16)
    config.neck = None
    config.head = dict(type='VisionTransformerClsHead', in_channels=192, num_classes=5)
    item = dict(inputs=random_image(32, 32), data_samples=DataSample())
    assert look(build(config, 'mmpretrain').eval(), item).stages == []


def test_looking_changes_nothing():
    model = build(distilling(segmentor())).eval()
    item = segmentation_item()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes, keys = [module.training for module in model.modules()], item['data_samples'].metainfo_keys()
    state = torch.get_rng_state()
    look(model, item)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes and torch.equal(torch.get_rng_state(), state)
    assert item['data_samples'].metainfo_keys() == keys
    assert not any(module._forward_hooks for module in model.modules())


def test_unknown_sources_are_refused():
    with pytest.raises(ValueError, match="source is 'head', but it must be one of"):
        look(build(segmentor()).eval(), segmentation_item(), 'head')
    config = segmentor()
    config.neck, config.decode_head.in_channels = None, [8, 16, 32, 64]
    with pytest.raises(ValueError, match="source='neck' was asked for, but this segmentation model has"):
        look(build(config).eval(), segmentation_item(), 'neck')
