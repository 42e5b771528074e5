"""Our forms and the plain ones of the published formulas are the same functions, and ours keep no more for backward."""
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.peers.cases import CASES
from benchmarks.peers.compare import make_table
from benchmarks.peers.measure import compare, exact_differences, memory
from benchmarks.peers.peer import Peer, differences

SCALARS = 4096
"""Bytes of a number per row and the like."""
ONE_CHANNEL = 2 * 16 * (32**2 + 16**2 + 8**2) * 4
"""Bytes of two energies per stage and position, a fraction of the maps themselves."""
REPO = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('name', CASES)
def test_value_and_gradients_are_those_of_the_plain_form(name):
    value, gradient = exact_differences(CASES[name](tiny=True))
    assert value < 1e-10 and gradient < 1e-8


@pytest.mark.parametrize('name', CASES)
def test_no_more_is_kept_for_backward(name):
    peer = CASES[name](tiny=name == 'FRSKD')
    ours, plain = (memory(form, peer.inputs) for form in (peer.ours, peer.plain))
    assert ours[1] <= plain[1] + (ONE_CHANNEL if name == 'self-attention' else SCALARS)


def test_frskd_needs_a_fifth_less_memory():
    peer = CASES['FRSKD'](tiny=True)
    ours, plain = (memory(form, peer.inputs) for form in (peer.ours, peer.plain))
    assert max(own / other for own, other in zip(ours, plain, strict=True)) <= 0.8


def test_relations_of_4096_positions_never_make_their_matrix():
    peer = CASES['pair-wise similarity']()
    ours, plain = (memory(form, peer.inputs)[0] for form in (peer.ours, peer.plain))
    assert ours <= 0.01 * plain


def test_another_function_is_seen():
    leaf = torch.ones(3, requires_grad=True)
    value, gradient = differences(Peer('', '', lambda x: (2 * x).sum(), lambda x: x.sum() + 3, (leaf,)))
    assert value == 0 and gradient == 1


def test_a_row_of_the_table():
    row = compare(CASES['DSR'](tiny=True), CASES['DSR'](tiny=True), rounds=2)
    assert row['ours_ms'] > 0 and row['time_ratio_spread'][0] <= row['time_ratio'] <= row['time_ratio_spread'][1]
    assert make_table([row]).splitlines()[2].startswith('| DSR | logits (6, 5) | ')


def test_the_command_writes_a_table_and_json(tmp_path):
    run = [sys.executable, '-m', 'benchmarks.peers.compare', '--only', 'DSR', '--rounds', '1', '--out', str(tmp_path)]
    subprocess.run(run, cwd=REPO, check=True, capture_output=True)
    result = json.loads((tmp_path / 'peers.json').read_text())
    assert result['rows'][0]['name'] == 'DSR' and 'DSR' in (tmp_path / 'peers.md').read_text()
