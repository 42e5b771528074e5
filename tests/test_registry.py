"""A user of one toolbox needs no other."""
import sys

import pytest

from tests.runs import run_tool

SCRIPT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {absent}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)

sys.meta_path.insert(0, Absent())
import mmkd
from tests.students import *
model = build(distilling({student}()), scope={scope!r})
assert model.loss(*{batch}())['distill.frskd.loss_teacher'] > 0
assert not {absent} & {{name.partition('.')[0] for name in sys.modules}}
"""


@pytest.mark.parametrize('scope, student, batch, absent', [
    ('mmseg', 'segmentor', 'segmentation_batch', {'mmdet', 'mmpretrain'}),
    ('mmpretrain', 'classifier', 'classification_batch', {'mmdet', 'mmseg'})])
def test_a_student_distils_without_the_other_toolboxes(scope, student, batch, absent):
    done = run_tool('-c', SCRIPT.format(scope=scope, student=student, batch=batch, absent=absent))
    assert done.returncode == 0, done.stderr


def test_types_resolve_in_the_scope_of_mmkd():
    from mmengine.registry import HOOKS, MODELS, OPTIM_WRAPPERS, TRANSFORMS
    for registry, name in ((MODELS, 'FRSKD'), (MODELS, 'BiFPN'), (MODELS, 'SoftTargetLoss'), (HOOKS, 'RandomStateHook'),
                           (OPTIM_WRAPPERS, 'AutocastOptimWrapper'), (TRANSFORMS, 'EvaluateAtPresentSize')):
        assert registry.get(f'mmkd.{name}').__name__ == name
    assert 'mmkd.registry' in sys.modules
