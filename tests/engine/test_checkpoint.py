import pytest
import torch
from torch import nn

from mmkd.engine.checkpoint import read_checkpoint, require_checkpoint, require_fit


class Student(nn.Module):

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1)
        self.norm = nn.BatchNorm2d(2)
        self.distill = nn.Linear(2, 2)


def weights(**changes):
    return {**Student().state_dict(), **changes}


def test_weights_that_cover_the_student_fit():
    without = {key: value for key, value in weights().items() if 'distill' not in key and 'num_batches' not in key}
    require_fit(Student(), without, 'a.pth')
    with pytest.raises(ValueError, match=r"'a\.pth' lacks 2 of 8 entries"):
        require_fit(Student(), without, 'a.pth', training_parts=True)


def test_another_shape_or_a_missing_entry_is_explained():
    with pytest.raises(ValueError, match=r"lacks 1 of 6 entries .*'conv.bias' among them"):
        require_fit(Student(), weights(**{'conv.bias': torch.zeros(3)}), 'a.pth')
    with pytest.raises(ValueError, match='lacks 6 of 6 entries'):
        require_fit(Student(), {}, 'a.pth')


def test_a_bare_state_dict_is_read_like_a_checkpoint(tmp_path):
    torch.save(weights(), tmp_path / 'bare.pth')
    torch.save(dict(meta={}, state_dict=weights()), tmp_path / 'full.pth')
    assert read_checkpoint(tmp_path / 'bare.pth')['state_dict'].keys() == weights().keys()
    assert read_checkpoint(tmp_path / 'full.pth')['state_dict'].keys() == weights().keys()


def test_names_inside_of_a_wrapper_are_read_like_those_of_the_model(tmp_path):
    torch.save(dict(state_dict={'module.head.weight': torch.ones(1)}), tmp_path / 'a.pth')
    assert read_checkpoint(tmp_path / 'a.pth')['state_dict'].keys() == {'head.weight'}


def test_only_a_local_path_must_exist(tmp_path):
    require_checkpoint(None)
    require_checkpoint('https://example.org/a.pth')
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint '.*a.pth': correct the path"):
        require_checkpoint(tmp_path / 'a.pth')
