"""Weights of a teacher."""

import logging

import pytest
import torch
from torch import nn

from mmkd.teachers.weights import load_weights
from tests.students import FRSKD, build, distilling, segmentor


class Net(nn.Module):
    """A model of 201 entries, 100 of them needed for every second layer."""

    def __init__(self, width=2):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(100)])
        self.last = nn.Linear(2, width, bias=False)


def saved(folder, weights, name='a.pth'):
    torch.save(dict(state_dict=weights), folder / name)
    return str(folder / name)


def load(folder, weights, width=2):
    torch.manual_seed(1)
    model = Net(width)
    load_weights(model, saved(folder, weights), False, 'tall')
    return model


def equal(model, weights):
    return [torch.equal(value, weights[key]) for key, value in model.state_dict().items() if key in weights]


def test_all_weights_are_loaded(tmp_path):
    weights = Net().state_dict()
    assert all(equal(load(tmp_path, weights), weights))


def test_names_of_a_wrapped_model_and_training_parts_do_not_matter(tmp_path):
    weights = Net().state_dict()
    wrapped = {f'module.{key}': value for key, value in weights.items()}
    model = load(tmp_path, {**wrapped, 'module.distill.last.weight': torch.ones(9), 'distill.x': torch.ones(3)})
    assert len(equal(model, weights)) == 201 and all(equal(model, weights))


def test_no_checkpoint_is_refused():
    with pytest.raises(ValueError, match="The teacher 'tall' has no checkpoint, and random weights teach nothing"):
        load_weights(Net(), None, False, 'tall')


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint 'nowhere\.pth'"):
        load_weights(Net(), 'nowhere.pth', False, 'tall')


def test_up_to_one_percent_may_be_missing_and_is_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmkd.teachers.weights.print_log', lambda text, logger, level: said.append((level, text)))
    weights = Net().state_dict()
    del weights['layers.3.bias'], weights['last.weight']
    model = load(tmp_path, weights)
    assert all(equal(model, weights))
    ((level, text),) = said
    assert level == logging.WARNING and 'lacks layers.3.bias, last.weight, which stay random' in text


def test_more_than_one_percent_is_refused_with_the_first_few(tmp_path):
    weights = {key: value for key, value in Net().state_dict().items() if not key.startswith('layers.1')}
    message = (
        r"a\.pth' lacks 22 of 201 entries of the teacher 'tall': layers\.1\.weight, layers\.1\.bias, "
        r'layers\.10\.weight and others; give the checkpoint and the config of one training\.$'
    )
    with pytest.raises(ValueError, match=message):
        load(tmp_path, weights)


@pytest.mark.parametrize('weights', [{}, dict(model=1)], ids=str)
def test_a_file_without_weights_is_refused(tmp_path, weights):
    torch.save(dict(state_dict=weights), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='lacks 201 of 201 entries'):
        load_weights(Net(), tmp_path / 'a.pth', False, 'tall')


def test_weights_without_names_are_refused(tmp_path):
    torch.save(dict(state_dict=[1, 2]), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r"a\.pth' has a list for its state_dict, but a dict of weights by"):
        load_weights(Net(), tmp_path / 'a.pth', False, 'tall')


def test_a_clash_of_shapes_is_refused_even_if_only_one(tmp_path):
    message = r"does not fit the teacher 'tall': last\.weight \(\(2, 2\) for \(3, 2\)\) have other shapes"
    with pytest.raises(ValueError, match=message):
        load(tmp_path, Net().state_dict(), width=3)


def test_many_clashes_are_told_by_the_first_few(tmp_path):
    weights = {key: value[..., None] for key, value in Net().state_dict().items()}
    with pytest.raises(ValueError, match=r'layers\.0\.weight .*, layers\.0\.bias .*, layers\.1\.weight .* and others'):
        load(tmp_path, weights)


class Renaming(Net):
    """Brings the names of its first version to the present ones, as toolboxes do."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if local_metadata.get('version') is None:
            state_dict[f'{prefix}last.weight'] = state_dict.pop(f'{prefix}final.weight').mT
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


def test_old_names_and_versions_are_the_models_own_business(tmp_path):
    weights = Renaming().state_dict()
    model = Renaming()
    load_weights(model, saved(tmp_path, weights), False, 'tall')
    assert torch.equal(model.last.weight, weights['last.weight'])
    old = dict(weights)
    old['final.weight'] = old.pop('last.weight').mT.contiguous()
    model = Renaming()
    load_weights(model, saved(tmp_path, old), False, 'tall')
    assert torch.equal(model.last.weight, weights['last.weight'])


def test_a_distilled_checkpoint_teaches_as_the_plain_student(tmp_path):
    student = build(distilling(segmentor(), dict(frskd=dict(FRSKD))))
    teacher = build(segmentor(), seed=9)
    load_weights(teacher, saved(tmp_path, student.state_dict()), False, 'student')
    assert all(equal(teacher, student.state_dict()))
