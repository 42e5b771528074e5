import re

import pytest

from mmkd.benchmark.suite import check_seeds, choose_entries, load_suite, option_arguments


def test_paths_are_relative_to_the_suite_and_the_test_metric_follows_val(write_suite):
    suite = load_suite(write_suite())
    assert list(suite.entries) == ['plain', 'better'] and suite.seeds == (0, 1)
    assert suite.entries['better'].config.endswith('/better.py') and suite.entries['better'].length == 40
    assert suite.entries['better'].baseline == 'plain' and suite.entries['plain'].baseline is None
    assert suite.metrics == {'val': 'mIoU', 'test': 'mIoU'} and suite.checkpoint == 'last' and suite.scale == 1


@pytest.mark.parametrize(
    'change',
    [
        dict(plain='extra = 1'),
        dict(suite="entries['plain']['cfg_options'] = {'level': 31}"),
        dict(suite="entries['plain']['distill'] = 'better.py'"),
    ],
)
def test_digest_changes_with_config_options_and_fragment(write_suite, change):
    before = load_suite(write_suite()).entries
    after = load_suite(write_suite(**change)).entries
    assert before['plain'].digest != after['plain'].digest
    assert before['better'].digest == after['better'].digest


def test_digest_does_not_change_with_label_and_comment(write_suite):
    before = load_suite(write_suite()).entries['plain'].digest
    after = (
        load_suite(write_suite(plain='# only a comment', suite="entries['plain']['label'] = 'Other'"))
        .entries['plain']
        .digest
    )
    assert before == after


def test_length_counts_what_cfg_options_ask_for(write_suite):
    suite = load_suite(write_suite(suite="entries['better']['cfg_options'] = {'train_cfg.max_iters': 80}"))
    assert [entry.length for entry in suite.entries.values()] == [40, 80]


@pytest.mark.parametrize(
    'change, sentence',
    [
        (
            "baseline = 'none'",
            "the suite names the baseline 'none', which is no entry; choose among ['plain', 'better']",
        ),
        ("entries['better']['baseline'] = 'x'", "entry 'better' names the baseline 'x', which is no entry"),
        ('seeds = []', 'seeds is empty'),
        ('seeds = [1, 2, 1]', 'seeds [1, 2, 1] name [1] more than once'),
        ('entries = {}', 'has no entries'),
        ('scale = 0', 'scale is 0, but a number above 0 is needed'),
        ("scale = 'percent'", "scale is 'percent', but a number above 0 is needed"),
        ("checkpoint = 'first'", "checkpoint is 'first'; choose 'last', or 'best' (best on val)"),
        ('entris = 1', "the suite has the unknown keys ['entris']"),
        ("metrics = dict(train='mIoU')", "metrics has the unknown keys ['train']; legal are ['val', 'test']"),
        ("entries['better'] = dict(label='x')", "entry 'better' has no config"),
        ("entries['better']['cfg_options'] = {'train_cfg.max_iters': None}", "entry 'better' has neither"),
        ("entries['better']['cfg_options'] = {'a': {'b': 1}}", 'dotted keys in place of a dict'),
    ],
)
def test_bad_suite_gets_one_sentence(write_suite, change, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        load_suite(write_suite(suite=change))


@pytest.mark.parametrize('key', ['config', 'distill'])
def test_missing_file_names_the_entry(write_suite, key):
    with pytest.raises(FileNotFoundError, match=r"entry 'better' names 'gone\.py', which does not exist"):
        load_suite(write_suite(suite=f"entries['better']['{key}'] = 'gone.py'"))


def test_missing_suite(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist; give the path of a Python file'):
        load_suite(tmp_path / 'none.py')


def test_choose_entries(write_suite):
    suite = load_suite(write_suite())
    assert [entry.name for entry in choose_entries(suite, None)] == ['plain', 'better']
    assert [entry.name for entry in choose_entries(suite, ['better'])] == ['better']
    with pytest.raises(ValueError, match=r"--only names \['best'\].*choose among \['plain', 'better'\]"):
        choose_entries(suite, ['plain', 'best'])


def test_check_seeds_keeps_the_order():
    assert check_seeds([3, 0]) == (3, 0)


def test_option_arguments_survive_the_command_line():
    assert option_arguments({'a.b': 3, 'c': [1, 2.5], 'd': 'word', 'e': None, 'f': True, 'g': 1e-5}) == [
        'a.b=3',
        'c=[1, 2.5]',
        'd=word',
        'e=None',
        'f=True',
        'g=1e-05',
    ]
    with pytest.raises(ValueError, match="a='3' would reach the training as 3"):
        option_arguments({'a': '3'})


ROW = "entries['part'] = dict(of='better', label='Part', metrics=dict(val='mIoU/part'))"


def test_an_entry_can_show_another_metric_of_the_runs_of_an_entry(write_suite):
    suite = load_suite(write_suite(suite=ROW))
    part, better = suite.entries['part'], suite.entries['better']
    assert (part.folder, part.digest, part.length) == ('better', better.digest, 40)
    assert part.metrics == {'val': 'mIoU/part', 'test': 'mIoU/part'} and better.metrics == suite.metrics
    assert part.baseline == 'plain' and part.label == 'Part'


@pytest.mark.parametrize(
    'change, sentence',
    [
        ("entries['part'] = dict(of='gone')", "entry 'part' is of 'gone', which is no entry with runs"),
        ("entries['part'] = dict(of='better', config='better.py')", "entry 'part' has the unknown keys ['config']"),
        ("entries['part'] = dict(of='better', baseline='gone')", "entry 'part' names the baseline 'gone'"),
        ("entries['part'] = dict(of='better', metrics=dict(train='a'))", "entry 'part' has the unknown keys ['train']"),
    ],
)
def test_a_bad_row_gets_one_sentence(write_suite, change, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        load_suite(write_suite(suite=change))
