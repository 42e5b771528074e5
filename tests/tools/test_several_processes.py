import pytest

from tests.runs import config_of, last_weights, run_tool, write_config
from tests.students import FRSKDS, STUDENTS, distilling

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
