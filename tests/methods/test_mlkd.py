import pytest
import torch
from mmengine.config import Config

from mmkd.losses import categorical_similarity_loss, individual_similarity_loss, relational_similarity_loss
from mmkd.registry import MODELS, TRANSFORMS
from tests import reference
from tests.detectors import batch_of, tiny_detector
from tests.runs import ROOT, config_of, last_weights, train
from tests.students import (
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    detection_batch,
    distilling,
    segmentation_batch,
    segmentor,
)
from tests.teachers import taught, teacher_of

BATCHES = dict(segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch)
TERMS = ('individual', 'relational', 'categorical')
PREPROCESSOR = dict(type='mmkd.MultiViewDataPreprocessor', num_classes=5, mean=[0.0] * 3, std=[1.0] * 3)


def student(folder, task='classification', **mlkd):
    arguments = dict(norm='LN' if task == 'detection' else 'BN', individual_channels=8, embedding_channels=6)
    return taught(folder, task, dict(mlkd=dict(type='mmkd.MLKD', **{**arguments, **mlkd})))


def terms(model, batch):
    torch.manual_seed(0)
    return {key.rpartition('_')[2]: value for key, value in model.loss(*batch).items() if key.startswith('distill.')}


def views_batch(count=2):
    """Views as the pipeline and the preprocessor make them."""
    from mmpretrain.structures import DataSample

    images = torch.randn(count, 4, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    samples = [DataSample().set_gt_label(label) for label in range(count)]
    data = MODELS.build(PREPROCESSOR)(dict(inputs=list(images), data_samples=samples), training=True)
    return data['inputs'], data['data_samples']


@pytest.mark.parametrize('fragment, total', [('mlkd', 'total_cifar'), ('mlkd_four_views_imagenet', 'total_imagenet')])
def test_the_recorded_total(fragment, total):
    case = reference.load('mlkd')['method']['total']
    given = {key: torch.tensor(value) for key, value in case['inputs'].items()}
    given = {key: value.double() if value.is_floating_point() else value for key, value in given.items()}
    method = MODELS.build(Config.fromfile(ROOT / 'configs' / '_base_' / 'methods' / f'{fragment}.py').methods.mlkd)
    embeddings = (given['embed_student'], given['embed_teacher'])
    values = dict(
        individual=method.individual_loss(given['student_ind_head'], given['teacher']),
        relational=method.relational_loss(given['student_rel_head'], given['teacher'], 4),
        categorical=method.categorical_loss(*embeddings, given['labels_views']),
    )
    for term, value in values.items():
        assert value.item() == pytest.approx(case['outputs'][term], rel=1e-8)
    own = torch.nn.functional.cross_entropy(given['logits_view0'], given['labels'])
    whole = own + sum(method.term_weight(term) * value for term, value in values.items())
    assert whole.item() == pytest.approx(case['outputs'][total], rel=1e-8)


def test_a_classifier_is_compared_by_what_its_classifier_reads(tmp_path):
    model = student(tmp_path, individual_weight=2.0, relational_weight=3.0, categorical_weight=4.0).eval()
    images, samples = classification_batch()
    found = terms(model, (images, samples))
    parts, teacher = model.distill.methods['mlkd'].parts[0], model.distill.teachers[0].model
    own, other = (network.extract_feat(images)[-1] for network in (model, teacher))
    labels = torch.cat([sample.gt_label for sample in samples])
    expected = dict(
        individual=2 * individual_similarity_loss(parts['individual'](own), other),
        relational=3 * relational_similarity_loss(parts['relational'](own), other),
        categorical=4 * categorical_similarity_loss(*parts['categorical'](own, other), labels),
    )
    for term in TERMS:
        torch.testing.assert_close(found[term], expected[term])


def test_four_views_relate_turned_to_upright_rows_and_only_upright_ones_are_classified(tmp_path):
    model = student(tmp_path, num_views=4).eval()
    images, samples = views_batch()
    assert images.shape == (8, 3, 32, 32) and len(samples) == 8
    losses = model.loss(images, samples)
    logits = model.head(model.extract_feat(images))
    torch.testing.assert_close(losses['loss'], torch.nn.functional.cross_entropy(logits[::4], torch.tensor([0, 1])))
    teacher = model.distill.teachers[0].model
    own = model.distill.methods['mlkd'].parts[0]['relational'](model.extract_feat(images)[-1])
    expected = 50 * relational_similarity_loss(own, teacher.extract_feat(images)[-1], 4)
    torch.testing.assert_close(losses['distill.mlkd.loss_relational'], expected)
    assert '_get_loss' not in vars(model.head)


def test_batch_statistics_come_from_all_views(tmp_path):
    model = student(tmp_path, num_views=4)
    images, samples = views_batch()
    model.loss(images, samples)
    norm = model.backbone.norm1
    expected = 0.1 * model.backbone.conv1(images).mean((0, 2, 3))
    torch.testing.assert_close(norm.running_mean, expected, rtol=1e-4, atol=1e-5)


def test_views_that_the_pipeline_does_not_make_are_explained(tmp_path):
    with pytest.raises(ValueError, match=r'num_views=4, but the batch has 1 per image: use mmkd\.RotatedViews'):
        student(tmp_path, num_views=4).loss(*classification_batch())
    with pytest.raises(ValueError, match='num_views=4, but views are turned images of classifiers'):
        student(tmp_path, 'segmentation', num_views=4)


@pytest.mark.parametrize('task', list(STUDENTS))
def test_every_head_is_trained_and_the_teacher_is_not(tmp_path, task):
    model = student(tmp_path, task)
    model.parse_losses(model.loss(*BATCHES[task]()))[0].backward()
    assert [name for name, value in model.named_parameters() if value.requires_grad and value.grad is None] == []
    embedding = model.distill.methods['mlkd'].parts[0]['categorical'].teacher
    assert embedding.weight.grad.ne(0).any()
    assert all(value.grad is None for value in model.distill.teachers[0].model.parameters())


@pytest.mark.parametrize('task', list(STUDENTS))
def test_the_students_own_network_is_distilled(tmp_path, task):
    model = student(tmp_path, task)
    for term in TERMS:
        model.zero_grad()
        terms(model, BATCHES[task]())[term].backward()
        assert model.backbone.conv1.weight.grad.abs().sum() > 0, term


def test_void_pixels_and_padding_are_no_entities(tmp_path):
    model = student(tmp_path, 'segmentation').eval()
    found = terms(model, segmentation_batch(void=True))
    assert all(found[term] == 0 and found[term].requires_grad for term in TERMS)
    model.train()
    model.parse_losses(model.loss(*segmentation_batch(void=True)))[0].backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.distill.parameters())


def test_pixels_are_drawn_evenly_and_the_same_in_both_networks(tmp_path):
    model = student(tmp_path, 'segmentation', max_entities=20).eval()
    images, samples = segmentation_batch(size=64)
    kept = []
    method = model.distill.methods['mlkd']
    make = method.entities
    method.entities = lambda step, lesson: kept.append(make(step, lesson)) or kept[-1]
    model.loss(images, samples)
    model.loss(images, samples)
    first, again = kept
    assert len(first.instances) == 20 and first.instances.labels.bincount().tolist() == [4] * 5
    assert torch.equal(first.instances.student, again.instances.student)
    assert len(first.prototypes) == 10


@pytest.mark.parametrize('columns', ['pixels', 'regions'])
def test_segmentors_relate_pixels_or_regions(tmp_path, columns):
    found = terms(student(tmp_path, 'segmentation', columns=columns).eval(), segmentation_batch())
    assert found['relational'] > 0


@pytest.mark.parametrize('name', ['fcos', 'faster_rcnn'])
@pytest.mark.parametrize('norm', ['BN', 'LN'])
@pytest.mark.parametrize('counts', [(3, 2), (1, 0), (0, 0)])
def test_detectors_compare_boxes_and_survive_none(tmp_path, name, norm, counts):
    config = tiny_detector(name)
    methods = dict(mlkd=dict(type='mmkd.MLKD', norm=norm, individual_channels=8))
    model = build(distilling(config, methods, teacher=teacher_of(tmp_path, config, 'mmdet')), 'mmdet')
    losses = model.loss(*batch_of(name, counts=counts))
    model.parse_losses(losses)[0].backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.distill.parameters())
    if counts == (0, 0):
        assert all(losses[f'distill.mlkd.loss_{term}'] == 0 for term in TERMS)


def test_padding_reaches_no_box(tmp_path):
    config = tiny_detector('fcos')
    methods = dict(mlkd=dict(type='mmkd.MLKD', norm='LN', individual_channels=8))
    model = build(distilling(config, methods, teacher=teacher_of(tmp_path, config, 'mmdet')), 'mmdet').eval()
    values = terms(model, batch_of('fcos'))
    assert all(value.isfinite() and value > 0 for value in values.values())


def test_a_wider_teacher(tmp_path):
    wide = segmentor()
    wide['backbone'].update(base_channels=16, stem_channels=16)
    wide['neck'].update(in_channels=[16, 32, 64, 128], out_channels=24)
    wide['decode_head'].update(in_channels=[24] * 4, channels=24)
    teacher = teacher_of(tmp_path, wide, 'mmseg')
    model = build(distilling(segmentor(), dict(mlkd=dict(type='mmkd.MLKD')), teacher=teacher))
    head = model.distill.methods['mlkd'].parts[0]['individual']
    assert (head.fc1.in_features, head.fc1.out_features, head.fc2.out_features) == (16, 16 * 24, 24)
    assert set(terms(model, segmentation_batch())) == set(TERMS)


@pytest.mark.parametrize('task', list(STUDENTS))
def test_a_config_trains_and_its_file_is_the_plain_students(tmp_path, task):
    teacher = teacher_of(tmp_path, STUDENTS[task](), SCOPES[task])
    norm = 'LN' if task == 'detection' else 'BN'
    model = distilling(STUDENTS[task](), dict(mlkd=dict(type='mmkd.MLKD', norm=norm)), teacher=teacher)
    train(config_of(tmp_path, model, max_iters=2, task=task))
    weights = last_weights(tmp_path / 'work')
    plain = build(STUDENTS[task](), SCOPES[task])
    plain.load_state_dict({key: value for key, value in weights.items() if not key.startswith('distill.')}, strict=True)


def test_a_config_with_four_views_trains_and_validates(tmp_path):
    teacher = teacher_of(tmp_path, STUDENTS['classification'](), 'mmpretrain')
    model = distilling(
        STUDENTS['classification'](), dict(mlkd=dict(type='mmkd.MLKD', num_views=4)), teacher=teacher
    )
    config = config_of(tmp_path, model, max_iters=2, task='classification')
    config.data_preprocessor = PREPROCESSOR
    load, _, _, pack = config.train_dataloader.dataset.pipeline
    crop = dict(type='RandomCrop', crop_size=32)
    config.train_dataloader.dataset.pipeline = [load, dict(type='mmkd.RotatedViews', transforms=[crop]), pack]
    runner = train(config)
    assert 'val/accuracy/top1' in runner.message_hub.log_scalars
    assert all(value.isfinite().all() for value in last_weights(tmp_path / 'work').values())


@pytest.mark.parametrize('arguments, message', [
    (dict(norm='GN'), r"norm='GN', but it must be one of \['BN', 'LN'\]"),
    (dict(columns='rows'), "columns='rows'"),
    (dict(max_entities=1), 'max_entities=1, but relations need at least 2'),
    (dict(num_views=0), 'num_views=0, but it must be at least 1'),
    (dict(relational_weight=-1), 'MLKD.relational_weight is -1'),
])
def test_bad_arguments_are_explained(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        student(tmp_path, **arguments)


def test_the_transform_is_registered():
    assert TRANSFORMS.get('RotatedViews') is not None
