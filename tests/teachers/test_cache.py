"""What a teacher has said once it need not say again."""

import logging
import sqlite3

import pytest
import torch

from mmkd.teachers.store import Store
from tests.detectors import batch_of, tiny_detector
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
from tests.teachers import count_runs, lessons_of, taught, teacher_of

BATCHES = dict(
    segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch
)
BOTH = dict(kd=dict(type='mmkd.LogitKD'), at=dict(type='mmkd.AttentionTransfer'))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / 'cache'


@pytest.fixture
def told(caplog):
    """What is said at the level of a warning."""
    logging.getLogger().setLevel(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture(autouse=True)
def logs(monkeypatch):
    """mmengine's log without a logger is printed; send it where it can be read."""
    plain = logging.getLogger('mmkd.tests')
    monkeypatch.setattr(
        'mmkd.teachers.cache.print_log', lambda text, logger, level: plain.log(level, text)
    )


def remembering(tmp_path, folder, task='segmentation', methods=None, teacher=None, **cache):
    """A student with a teacher that has a cache, and the numbers of images that the teacher has to look at."""
    teacher = teacher or teacher_of(tmp_path, STUDENTS[task](), SCOPES[task])
    cached = dict(teacher, cache=dict(path=str(folder), **cache))
    model = taught(tmp_path, task, methods or BOTH, cached).eval()
    return model, count_runs(model.distill.teachers[0])


def part(batch, *indices):
    images, samples = batch
    return images[list(indices)], [samples[index] for index in indices]


def distilled(losses):
    return {key: value.item() for key, value in losses.items() if key.startswith('distill.')}


@pytest.mark.parametrize('task', list(STUDENTS))
def test_a_teacher_looks_once_and_hits_give_the_numbers_of_misses(tmp_path, folder, task):
    model, runs = remembering(tmp_path, folder, task)
    first = distilled(model.loss(*BATCHES[task]()))
    assert runs == [len(BATCHES[task]()[0])]
    assert distilled(model.loss(*BATCHES[task]())) == first
    again, later = remembering(tmp_path, folder, task)
    assert distilled(again.loss(*BATCHES[task]())) == first
    assert len(runs) == 1 and later == []
    exact = distilled(taught(tmp_path, task, BOTH).eval().loss(*BATCHES[task]()))
    assert first == pytest.approx(exact, rel=0.02, abs=1e-6)


@pytest.mark.parametrize('task', list(STUDENTS))
def test_what_is_remembered_has_the_form_of_what_is_computed(tmp_path, folder, task):
    model, _ = remembering(tmp_path, folder, task, precision='float32')
    for _ in range(2):
        (lesson,) = lessons_of(model, BATCHES[task]())
        (expected,) = lessons_of(taught(tmp_path, task, BOTH), BATCHES[task]())
        assert lesson.knowledge.keys() == expected.knowledge.keys()
        for source, values in expected.knowledge.items():
            same(lesson.knowledge[source], values)


def same(left, right):
    if isinstance(right, torch.Tensor):
        torch.testing.assert_close(left, right)
        return
    assert type(left) is type(right)
    for pair in zip(left, right, strict=True):
        same(*pair)


def test_only_the_missing_images_of_a_batch_are_looked_at(tmp_path, folder):
    model, runs = remembering(tmp_path, folder, 'classification')
    batch = classification_batch()
    model.loss(*part(batch, 0, 2))
    (lesson,) = lessons_of(model, batch)
    assert runs == [2, 2]
    (expected,) = lessons_of(taught(tmp_path, 'classification', BOTH), batch)
    torch.testing.assert_close(lesson.logits(), expected.logits(), rtol=1e-2, atol=1e-2)
    cache = model.distill.teachers[0].cache
    assert (cache.hits, cache.misses) == (2, 4)


def test_a_place_that_is_read_later_is_asked_for_then(tmp_path, folder):
    teacher = teacher_of(tmp_path, segmentor(), 'mmseg')
    for methods, expected in ((dict(kd=BOTH['kd']), [2]), (BOTH, [2]), (dict(at=BOTH['at']), [])):
        model, runs = remembering(tmp_path, folder, methods=methods, teacher=teacher)
        model.loss(*segmentation_batch())
        assert runs == expected


def test_other_pixels_padding_or_colours_are_other_images(tmp_path, folder):
    config = segmentor()
    config.data_preprocessor.update(mean=[60.0] * 3, std=[50.0] * 3, pad_val=3)
    model, runs = remembering(tmp_path, folder, teacher=teacher_of(tmp_path, config, 'mmseg'))
    images, samples = segmentation_batch()
    model.loss(images, samples)
    model.loss(images.flip(3), samples)
    assert runs == [2, 2]
    samples[1].set_metainfo(dict(padding_size=[0, 8, 0, 0]))
    model.loss(images, samples)
    assert runs == [2, 2, 1]


@pytest.mark.parametrize('change', ['weights', 'config', 'taps', 'precision', 'top_k', 'autocast', 'dtype'])
def test_a_changed_teacher_forgets_and_removes_what_the_old_one_said(tmp_path, folder, change):
    teacher = teacher_of(tmp_path, segmentor(), 'mmseg')
    model, _ = remembering(tmp_path, folder, teacher=teacher)
    model.loss(*segmentation_batch())
    model.distill.teachers[0].cache.close()
    (old,), cache = folder.iterdir(), {}
    (folder / 'notes.sqlite').touch()
    if change == 'weights':
        teacher = teacher_of(tmp_path, segmentor(), 'mmseg', seed=4)
    elif change == 'config':
        teacher['config'] = dict(teacher['config'], test_cfg=dict(mode='slide'))
    elif change == 'taps':
        teacher['taps'] = dict(backbone='backbone[:4]')
    elif change in ('precision', 'top_k'):
        cache = dict(precision=dict(precision='float32'), top_k=dict(top_k=2))[change]
    elif change == 'autocast':
        teacher['autocast'] = 'bfloat16'
    model, runs = remembering(tmp_path, folder, teacher=teacher, **cache)
    images, samples = segmentation_batch()
    if change == 'dtype':
        model, images = model.double(), images.double()
    model.loss(images, samples)
    assert runs == [2]
    files = {file.name for file in folder.iterdir()}
    assert old.name not in files and 'notes.sqlite' in files


def test_mixed_precision_of_the_step_is_another_teacher(tmp_path, folder):
    model, runs = remembering(tmp_path, folder)
    model.loss(*segmentation_batch())
    model, runs = remembering(tmp_path, folder)
    with torch.autocast('cpu', torch.bfloat16):
        (lesson,) = lessons_of(model, segmentation_batch())
        (again,) = lessons_of(model, segmentation_batch())
    assert runs == [2] and torch.equal(lesson.logits(), again.logits())
    assert again.logits().dtype == torch.bfloat16


def test_teachers_beside_each_other_share_a_folder(tmp_path, folder):
    teachers = [
        dict(teacher_of(tmp_path, segmentor(), 'mmseg', seed=seed), cache=str(folder)) for seed in (3, 4)
    ]
    for expected in ([2], []):
        model = build(distilling(segmentor(), BOTH, teacher=teachers))
        runs = [count_runs(teacher) for teacher in model.distill.teachers]
        model.loss(*segmentation_batch())
        assert runs == [expected, expected]


@pytest.mark.parametrize('task', ['classification', 'segmentation'])
def test_top_k_keeps_the_soft_targets_at_temperature_one(tmp_path, folder, task):
    methods = dict(kd=dict(type='mmkd.LogitKD', temperature=1.0))
    model, _ = remembering(tmp_path, folder, task, methods, precision='float32', top_k=2)
    exact = lessons_of(taught(tmp_path, task, methods), BATCHES[task]())[0].logits()
    for _ in range(2):
        found = lessons_of(model, BATCHES[task]())[0].logits()
        kept = exact.topk(2, dim=1).indices
        pair = (values.softmax(1).gather(1, kept) for values in (found, exact))
        torch.testing.assert_close(*pair, rtol=1e-5, atol=1e-6)


def test_a_full_cache_is_said_once_and_the_teacher_goes_on(tmp_path, folder, told):
    model, runs = remembering(tmp_path, folder, 'classification', max_gigabytes=2e-4)
    images, samples = classification_batch()
    for number in range(6):
        model.loss(images + number, samples)
    assert runs == [4] * 6
    (sentence,) = told()
    assert 'is full (max_gigabytes=0.0002' in sentence and 'ReproducibleTransforms' in sentence
    model.distill.teachers[0].cache.close()
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 200_000
    model.loss(images, samples)
    assert len(runs) == 6


def broken_path(folder):
    folder.write_text('a file where a folder should be')


def foreign_file(folder):
    for file in folder.glob('0-*'):
        file.write_bytes(b'something else' * 1000)


def damaged_file(folder):
    (file,) = folder.glob('0-*.sqlite')
    data = file.read_bytes()
    file.write_bytes(data[:200] + b'\xff' * (len(data) - 200))


@pytest.mark.parametrize('harm', [broken_path, foreign_file, damaged_file])
def test_a_cache_that_cannot_be_opened_is_said_once_and_training_goes_on(tmp_path, folder, told, harm):
    expected, runs = None, None
    if harm is not broken_path:
        model, _ = remembering(tmp_path, folder)
        expected = distilled(model.loss(*segmentation_batch()))
        model.distill.teachers[0].cache.close()
    harm(folder)
    model, runs = remembering(tmp_path, folder)
    losses = [distilled(model.loss(*segmentation_batch())) for _ in range(3)]
    assert runs == [2] * 3 and losses[0] == losses[1] == losses[2] == (expected or losses[0])
    (sentence,) = told()
    assert 'is not used any more' in sentence and str(folder) in sentence


@pytest.mark.parametrize('method, error', [('read', 'disk I/O error'), ('write', 'database is locked')])
def test_a_cache_that_fails_during_training_is_said_once_and_training_goes_on(
    tmp_path, folder, told, monkeypatch, method, error
):
    model, runs = remembering(tmp_path, folder)
    if method == 'read':
        model.loss(*segmentation_batch())

    def fail(self, *args):
        raise sqlite3.OperationalError(error)

    monkeypatch.setattr(Store, method, fail)
    losses = [distilled(model.loss(*segmentation_batch())) for _ in range(2)]
    assert losses[0] == losses[1] and runs == [2] * (3 if method == 'read' else 2)
    (sentence,) = told()
    assert error in sentence


def test_a_full_disk_is_a_full_cache(tmp_path, folder, told, monkeypatch):
    model, runs = remembering(tmp_path, folder)
    model.loss(*segmentation_batch())
    connection = model.distill.teachers[0].cache._store._connection
    connection.execute('PRAGMA max_page_count = 1')
    images, samples = segmentation_batch()
    for number in range(1, 3):
        model.loss(images + number * torch.randn(2, 3, 32, 32), samples)
        model.loss(images, samples)
    assert runs == [2] * 3
    (sentence,) = told()
    assert 'database or disk is full' in sentence


def test_an_output_that_was_damaged_is_asked_for_again(tmp_path, folder, told):
    model, runs = remembering(tmp_path, folder)
    first = distilled(model.loss(*segmentation_batch()))
    connection = model.distill.teachers[0].cache._store._connection
    with connection:
        connection.execute("UPDATE outputs SET data = x'00112233' WHERE rowid = 1")
    for _ in range(2):
        # an image alone is rounded otherwise than beside another
        assert distilled(model.loss(*segmentation_batch())) == pytest.approx(first, rel=1e-4)
    assert runs == [2, 1] and told() == []


def test_a_forked_process_opens_the_file_anew(tmp_path, folder, monkeypatch):
    model, runs = remembering(tmp_path, folder)
    model.loss(*segmentation_batch())
    store = model.distill.teachers[0].cache._store
    monkeypatch.setattr('os.getpid', lambda: store.process + 1)
    model.loss(*segmentation_batch())
    assert model.distill.teachers[0].cache._store is not store and runs == [2]


def test_logits_of_proposals_are_refused_and_features_are_not(tmp_path, folder):
    config = tiny_detector('faster_rcnn')
    teacher = dict(teacher_of(tmp_path, config, 'mmdet'), cache=str(folder))
    with pytest.raises(ValueError, match=r'its logits are those of the proposals of the student.*remove cache=…'):
        build(distilling(config, dict(kd=BOTH['kd']), teacher=teacher), 'mmdet')
    model = build(distilling(config, dict(at=BOTH['at']), teacher=teacher), 'mmdet')
    runs = count_runs(model.distill.teachers[0])
    for _ in range(2):
        model.loss(*batch_of('faster_rcnn'))
    assert runs == [2]


def test_top_k_of_a_detector_is_refused(tmp_path, folder):
    with pytest.raises(ValueError, match='top_k=3, but the class scores of a detector are no softmax'):
        remembering(tmp_path, folder, 'detection', top_k=3)


@pytest.mark.parametrize(
    'cache, message',
    [
        (dict(folder='a'), r"the keys \['folder'\], but path is needed"),
        (dict(path=''), "path='', but it must be the name of a folder"),
        (dict(path='a', size=3), r"the keys \['path', 'size'\], but"),
        (dict(path='a', max_gigabytes=0), 'max_gigabytes=0, but it must be a number above 0'),
        (dict(path='a', precision='int8'), r"precision='int8', but it must be one of \('float16'"),
        (dict(path='a', top_k=0), 'top_k=0, but it must be a whole number above 0 or None'),
    ],
)
def test_bad_arguments_are_explained(tmp_path, cache, message):
    with pytest.raises(ValueError, match=message):
        taught(tmp_path, cache=cache)


def test_what_is_not_one_row_per_image_is_explained(tmp_path, folder):
    teacher = teacher_of(tmp_path, segmentor(), 'mmseg', taps=dict(backbone='backbone[:2]'), cache=str(folder))
    model = taught(tmp_path, methods=dict(at=dict(BOTH['at'], levels=(0, 1))), teacher=teacher)
    task = model.distill.teachers[0].task
    task.features = lambda record, source: (torch.zeros(1, 8, 4, 4),)
    with pytest.raises(ValueError, match=r'gives \(1, 8, 4, 4\) as backbone of 2 images, .*remove cache=…'):
        model.loss(*segmentation_batch())
