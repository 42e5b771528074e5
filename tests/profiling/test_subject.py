import pytest
import torch

from mmkd.profiling.measure import count
from mmkd.profiling.subject import make_subject, without_pretrained
from tests.runs import config_of
from tests.students import FRSKD, classifier, distilling, segmentor

RAMP = dict(type='Ramp', begin=2, end=4, by_epoch=False)


@pytest.fixture
def make(tmp_path):
    def make(model=None, **changes):
        return make_subject('name', config_of(tmp_path, model, **changes))

    return make


def with_method(**weights):
    return distilling(segmentor(), dict(frskd={**FRSKD, **weights}))


def test_a_step_trains_on_the_configs_own_data_and_changes_no_weight(make):
    subject = make()
    before = {name: value.clone() for name, value in subject.model.named_parameters()}
    first, second = (subject.ready()() for _ in range(2))
    assert subject.images() == [(32, 32), (32, 32)]
    assert first['loss'] > 0 and torch.equal(first['loss'], second['loss'])
    assert all(torch.equal(before[name], value) for name, value in subject.model.named_parameters())


def test_schedules_stand_at_the_last_iteration(make):
    subject = make(with_method(feature_weight=RAMP))
    assert subject.moment == dict(epoch=0, iter=3, max_epochs=1, max_iters=4)
    row = count(subject, 'cpu')
    assert 'distill.frskd.loss_feature' in row['losses'] and row['terms_off'] == []


def test_terms_that_are_off_at_the_end_are_told(make):
    subject = make(with_method(feature_weight={**RAMP, 'start': 1.0, 'stop': 0.0}, logit_weight=0.0))
    row = count(subject, 'cpu')
    assert row['terms_off'] == ['frskd.feature']
    assert [key for key in row['losses'] if key.startswith('distill.')] == ['distill.frskd.loss_teacher']


def test_epochs_are_counted_by_the_length_of_the_data(make):
    subject = make(
        train_cfg=dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3),
        train_dataloader=dict(sampler=dict(type='DefaultSampler')),
    )
    # six images, two a batch
    assert subject.moment == dict(epoch=2, iter=8, max_epochs=3, max_iters=9)


def test_hooks_have_prepared_the_model(make):
    subject = make(custom_hooks=[dict(type='mmkd.ChannelsLastHook')])
    assert subject.model.backbone.conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_absent_data_is_said_with_the_way_out(tmp_path):
    config = config_of(tmp_path)
    config.train_dataloader.dataset.data_root = str(tmp_path / 'nowhere')
    with pytest.raises(FileNotFoundError, match='put it there, or add --synthetic HEIGHT WIDTH'):
        make_subject('name', config)


def test_nothing_is_written_beside_the_config(tmp_path):
    config = config_of(tmp_path)
    before = sorted(tmp_path.rglob('*'))
    make_subject('name', config)
    assert sorted(tmp_path.rglob('*')) == before and config.default_hooks.logger.interval == 1


def test_random_images_need_no_data(tmp_path):
    config = config_of(tmp_path, with_method(feature_weight={**RAMP, 'begin': 0.5, 'end': 1.0, 'relative': True}))
    config.train_dataloader.dataset.data_root = str(tmp_path / 'nowhere')
    subject = make_subject('name', config, (64, 32))
    assert subject.images() == [(64, 32), (64, 32)]
    assert 'distill.frskd.loss_feature' in count(subject, 'cpu')['losses']


def test_nothing_is_downloaded():
    model = classifier()
    model.pretrained = 'torchvision://resnet18'
    model.backbone.init_cfg = dict(type='Pretrained', checkpoint='https://nowhere')
    model.head.init_cfg = [dict(type='Normal', layer='Linear')]
    cleaned = without_pretrained(model)
    assert cleaned.pretrained is None and cleaned.backbone.init_cfg is None
    assert cleaned.head == model.head and model.backbone.init_cfg is not None


def test_teachers_need_no_checkpoint_and_no_cache(make):
    teacher = dict(config=segmentor(), checkpoint='absent.pth', cache=dict(path='absent'))
    subject = make(distilling(segmentor(), dict(kd=dict(type='mmkd.LogitKD')), teacher=teacher))
    assert 'distill.kd.loss_logit' in count(subject, 'cpu')['losses']
    several = make(distilling(segmentor(), dict(kd=dict(type='mmkd.LogitKD')), teacher=[teacher, teacher]))
    assert count(several, 'cpu')['macs'] > count(subject, 'cpu')['macs']


def test_all_models_are_given_one_batch(tmp_path):
    def batch(model):
        config = config_of(tmp_path, model)
        config.pop('randomness')
        config.train_dataloader.sampler.shuffle = True
        config.train_dataloader.dataset.pipeline.insert(-1, dict(type='RandomFlip', prob=0.5))
        return make_subject('name', config).batch['inputs']

    first = batch(segmentor())
    assert all(torch.equal(*pair) for pair in zip(first, batch(with_method()), strict=True))
