import re

import pytest

from mmkd.teachers.store import Store
from tests.runs import config_of, last_weights, run_tool, write_config
from tests.students import FRSKDS, STUDENTS, distilling, segmentor
from tests.teachers import teacher_of

RAMP = dict(type='Ramp', begin=1, end=2, by_epoch=False)
MORE = dict(segmentation=[], classification=['sla.loss_joint'], detection=['frskd.loss_box'])


def distilling_student(task):
    """A student whose self-teacher gets no gradient in the first of three iterations."""
    student, frskd = STUDENTS[task](), dict(FRSKDS[task], teacher_weight=RAMP)
    if task == 'segmentation':
        student.backbone.norm_cfg = dict(type='SyncBN')
    if task == 'detection':
        frskd['box_weight'] = 1.0
    more = dict(sla=dict(type='mmkd.SLA', self_teacher='frskd')) if task == 'classification' else {}
    return distilling(student, dict(frskd=frskd, **more))


@pytest.mark.parametrize('task', list(STUDENTS))
def test_two_processes_on_a_cpu_train_and_end_in_order(tmp_path, task):
    # in the first iteration the first process gets the detected image without boxes, and the second gets boxes
    changes = {'train_dataloader.sampler.shuffle': False}
    if task == 'detection':
        changes['train_dataloader.batch_size'] = 1
    config = config_of(tmp_path, distilling_student(task), max_iters=3, task=task, **changes)
    file = write_config(config, tmp_path / 'two.py')
    launcher = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2')
    arguments = ('--device', 'cpu', '--launcher', 'pytorch', '--work-dir', tmp_path / 'work')
    done = run_tool('tools/train.py', file, *arguments, launcher=launcher)
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    for term in ('loss_idle', 'frskd.loss_teacher', 'frskd.loss_logit', 'frskd.loss_feature', *MORE[task]):
        assert f'distill.{term}' in printed
    assert all(value.isfinite().all() for value in last_weights(tmp_path / 'work').values())


def test_two_processes_share_a_teachers_cache_and_evaluate_it_together(tmp_path):
    wide = segmentor()
    wide.backbone.update(base_channels=16, stem_channels=16)
    wide.neck.in_channels = [16, 32, 64, 128]
    wide.decode_head.norm_cfg = dict(type='SyncBN')
    teacher = teacher_of(tmp_path, wide, 'mmseg', cache=str(tmp_path / 'cache'))
    # its projections get no gradient in the first iteration
    methods = dict(kd=dict(type='mmkd.LogitKD'), fitnet=dict(type='mmkd.FeatureKD', weight=RAMP))
    config = config_of(tmp_path, distilling(segmentor(), methods, teacher=teacher), max_iters=6)
    config.train_dataloader.dataset.pipeline[2:4] = [dict(type='RandomCrop', crop_size=(40, 40))]
    file = write_config(config, tmp_path / 'two.py')
    launcher = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2')
    arguments = ('--device', 'cpu', '--launcher', 'pytorch', '--work-dir', tmp_path / 'work', '--eval-teacher')
    done = run_tool('tools/train.py', file, *arguments, launcher=launcher)
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    assert all(f'distill.{term}' in printed for term in ('loss_idle', 'kd.loss_logit', 'fitnet.loss_feature'))
    assert len(re.findall(r'teacher EncoderDecoder: aAcc=[\d.]+, mIoU=', printed)) == 1
    assert 'is not used any more' not in printed
    assert not any('EncoderDecoder' in key or 'teacher' in key for key in last_weights(tmp_path / 'work'))
    (store,) = (tmp_path / 'cache').glob('*.sqlite')
    # six images, whole, each of which is asked for logits and for stages
    assert Store(store, 10**9).count() == 12
