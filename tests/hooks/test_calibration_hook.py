import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper

from mmkd.hooks import CalibrationHook
from mmkd.hooks.calibration_hook import gradient_norms
from tests.runs import config_of, last_weights, train
from tests.students import FRSKDS, SCOPES, STUDENTS, build, classification_batch, classifier, distilling
from tests.teachers import teacher_of


def config(root, task='classification', hook=None, methods=None, max_iters=3, **changes):
    """A training on random images by TRG and FRSKD."""
    methods = methods or dict(trg=dict(type='mmkd.TRG'), frskd=FRSKDS[task])
    model = distilling(STUDENTS[task](), methods, teacher=teacher_of(root, STUDENTS[task](), SCOPES[task]))
    hooks = [] if hook is None else [dict(type='mmkd.CalibrationHook', **hook)]
    return config_of(root, model, max_iters, task, custom_hooks=hooks, **changes)


def said(capsys):
    captured = capsys.readouterr()
    return captured.out + captured.err


def ratios(text):
    """Values in the log, by the keys of the terms."""
    (line,) = [line for line in text.splitlines() if 'Gradient norms at' in line]
    return {key: float(value) for key, value in re.findall(r'(distill\.[\w.]+) ([\d.e+-]+\d)', line)}


@pytest.mark.parametrize('task', list(STUDENTS))
def test_training_goes_on_bit_by_bit_as_without_the_hook(tmp_path, task):
    state = []
    for name, hook in (('without', None), ('with', dict(iterations=1))):
        train(config(tmp_path, task, hook, max_iters=2, work_dir=str(tmp_path / name)))
        state.append(torch.get_rng_state())
    without, measured = last_weights(tmp_path / 'without'), last_weights(tmp_path / 'with')
    assert without.keys() == measured.keys()
    assert [key for key in without if not torch.equal(without[key], measured[key])] == []
    assert torch.equal(*state)


def test_norms_are_those_of_the_gradients_that_a_backward_pass_leaves(tmp_path):
    methods = dict(trg=dict(type='mmkd.TRG'), frskd=dict(FRSKDS['classification']))
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain')
    batch = dict(zip(('inputs', 'data_samples'), classification_batch(), strict=True))

    def student():
        model = build(distilling(classifier(), methods, teacher=teacher), 'mmpretrain')
        torch.manual_seed(4)
        return model

    found = gradient_norms(student(), batch, OptimWrapper(torch.optim.SGD(student().parameters(), 0.1)))
    keys = ['loss', *(f'distill.trg.loss_{term}' for term in ('logit', 'local', 'global', 'contextual')),
            *(f'distill.frskd.loss_{term}' for term in ('teacher', 'logit', 'feature'))]
    assert set(found) == {'', *keys[1:]}
    for key in keys:
        model = student()
        data = model.data_preprocessor(batch, True)
        model(**data, mode='loss')[key].backward()
        gradients = [weight.grad.flatten() for weight in model.backbone.parameters() if weight.grad is not None]
        expected = torch.cat(gradients).norm().item() if gradients else 0
        assert found[key if 'distill' in key else ''] == pytest.approx(expected, rel=1e-4)


def test_values_are_said_once_and_follow_the_weights(tmp_path, capsys):
    def measured(name, weight, **changes):
        methods = dict(trg=dict(type='mmkd.TRG', local_weight=weight, logit_weight=0))
        train(config(tmp_path, 'classification', dict(iterations=2), methods, work_dir=str(tmp_path / name),
                     **{'optim_wrapper.optimizer.lr': 0.0}, **changes))
        return said(capsys)

    text = measured('one', 10.0)
    assert text.count('mean of 2 iterations') == 1
    assert set(ratios(text)) == {f'distill.trg.loss_{term}' for term in ('local', 'global', 'contextual')}
    once, twice = ratios(text), ratios(measured('two', 20.0))
    assert twice['distill.trg.loss_local'] == pytest.approx(2 * once['distill.trg.loss_local'], rel=0.02)
    assert twice['distill.trg.loss_global'] == pytest.approx(once['distill.trg.loss_global'], rel=0.02)


def test_a_term_outside_the_range_is_warned_of(tmp_path, capsys):
    methods = dict(trg=dict(type='mmkd.TRG', logit_weight=1e-6, global_weight=1e6, local_weight=0, contextual_weight=0))
    train(config(tmp_path, methods=methods, hook=dict(), max_iters=1))
    warnings = [line for line in said(capsys).splitlines() if 'WARNING' in line and 'times the gradient' in line]
    assert len(warnings) == 2 and 'loss_logit has' in warnings[0] and 'loss_global has' in warnings[1]
    assert all('outside 0.01 to 10.0: change its weight' in warning for warning in warnings)


def test_a_shorter_training_speaks_at_its_end_and_a_resumed_one_is_not_measured_again(tmp_path, capsys):
    hook = dict(iterations=2)
    train(config(tmp_path, hook=dict(iterations=5), max_iters=1))
    assert 'mean of 1 iterations' in said(capsys)
    train(config(tmp_path, hook=hook, max_iters=2, work_dir=str(tmp_path / 'again')))
    assert 'mean of 2 iterations' in said(capsys)
    train(config(tmp_path, hook=hook, max_iters=3, work_dir=str(tmp_path / 'again'), resume=True))
    assert 'Gradient norms at' not in said(capsys)


@pytest.mark.parametrize('case', ['off', 'plain'])
def test_nothing_is_measured_where_nothing_is_to_be(tmp_path, capsys, case):
    made = config(tmp_path, hook=dict(iterations=0 if case == 'off' else 9), max_iters=1)
    if case == 'plain':
        made.model = classifier()
    train(made)
    assert 'Gradient norms at' not in said(capsys)


def test_terms_that_begin_later_are_measured_while_they_are_on(tmp_path, capsys):
    ramp = dict(type='Ramp', begin=1, end=1, by_epoch=False, stop=100.0)
    methods = dict(trg=dict(type='mmkd.TRG', logit_weight=0, local_weight=ramp))
    train(config(tmp_path, methods=methods, hook=dict(iterations=2), max_iters=2,
                 **{'optim_wrapper.accumulative_counts': 2}))
    assert ratios(said(capsys))['distill.trg.loss_local'] > 0


def test_mixed_precision_and_an_average_of_the_weights_do_not_mind(tmp_path, capsys):
    made = config(tmp_path, hook=dict(), max_iters=2)
    made.custom_hooks.append(dict(type='EMAHook'))
    made.optim_wrapper.type = 'mmkd.AutocastOptimWrapper'
    train(made)
    values = ratios(said(capsys))
    assert len(values) == 7 and all(0 <= value < 1e4 for value in values.values())


def test_the_batch_is_left_to_the_step_as_it_was(tmp_path):
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain')
    model = build(distilling(classifier(), dict(kd=dict(type='mmkd.LogitKD')), teacher=teacher), 'mmpretrain')
    batch = dict(zip(('inputs', 'data_samples'), classification_batch(), strict=True))

    def work_in_place(module, given):
        given[0]['inputs'].zero_()

    model.data_preprocessor.register_forward_pre_hook(work_in_place)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 0.1))
    runner = SimpleNamespace(model=model, iter=0, optim_wrapper=optimizer)
    CalibrationHook().before_train_iter(runner, 0, batch)
    assert torch.equal(batch['inputs'], classification_batch()[0])


def test_a_frozen_backbone_is_replaced_by_what_is_trained(tmp_path):
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain')
    model = build(distilling(classifier(), dict(kd=dict(type='mmkd.LogitKD')), teacher=teacher), 'mmpretrain')
    model.backbone.requires_grad_(False)
    batch = dict(zip(('inputs', 'data_samples'), classification_batch(), strict=True))
    norms = gradient_norms(model, batch, OptimWrapper(torch.optim.SGD(model.parameters(), 0.1)))
    assert norms[''] > 0 and norms['distill.kd.loss_logit'] > 0


@pytest.mark.parametrize('arguments, message', [
    (dict(iterations=-1), 'iterations=-1, but it must be at least 0'),
    (dict(lowest=2, highest=1), 'lowest=2 and highest=1, but 0 <= lowest <= highest is needed'),
    (dict(lowest=-1), 'lowest=-1'),
])
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        CalibrationHook(**arguments)
