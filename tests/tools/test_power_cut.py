"""A training that is killed from outside and resumed by the tool ends as a straight one."""

import copy
import signal

import pytest

from tests.runs import config_of, last_weights, run_tool, run_tool_here, write_config
from tests.students import FRSKDS, STUDENTS, distilling
from tests.subnets import dynamic_student
from tests.test_training import same

LATER = dict(type='Ramp', begin=1, end=4, by_epoch=False)
METHODS = dict(
    segmentation=dict(ekd=dict(type='mmkd.EKD', attention_weight=LATER)),
    classification=dict(
        drg=dict(type='mmkd.DRG'), dsr=dict(type='mmkd.DSR'), attention=dict(type='mmkd.SelfAttention', weight=LATER)
    ),
    detection=dict(frskd=dict(FRSKDS['detection'], logit_weight=LATER)),
)


@pytest.mark.parametrize('task', list(METHODS))
def test_killed_and_resumed_equals_straight_bit_for_bit(tmp_path, task):
    student = dynamic_student(task) if task == 'segmentation' else STUDENTS[task]()
    config = config_of(tmp_path, distilling(student, METHODS[task]), max_iters=6, task=task)
    config.custom_imports = dict(imports=['mmkd', 'tests.killer'])
    config.optim_wrapper.accumulative_counts = 2
    config.custom_hooks = [dict(type='EMAHook', momentum=0.1)]
    straight = write_config(copy.deepcopy(config), tmp_path / 'straight.py')
    run_tool_here('tools/train.py', straight, '--device', 'cpu', '--work-dir', tmp_path / 'straight')
    config.custom_hooks.append(dict(type='PowerCut', at=4, mark=str(tmp_path / 'cut')))
    config.default_hooks.checkpoint.interval = 2
    file = write_config(config, tmp_path / 'cut.py')
    arguments = (file, '--device', 'cpu', '--work-dir', tmp_path / 'cut_short')
    assert run_tool('tools/train.py', *arguments).returncode == -signal.SIGKILL
    run_tool_here('tools/train.py', *arguments, '--resume')
    assert same(last_weights(tmp_path / 'straight'), last_weights(tmp_path / 'cut_short'))
