"""What a training step of every entry costs, measured apart from the trainings."""

import json
import os
from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config

from mmkd.benchmark.suite import Entry, Suite
from mmkd.engine.config import distil, load_config
from mmkd.profiling.measure import Row, measure
from mmkd.profiling.subject import Subject, make_subject

STEP_KEYS = ('model', 'data_preprocessor', 'optim_wrapper', 'train_dataloader', 'custom_hooks')
KEPT = ('step_ms', 'step_ms_spread', 'peak_bytes', 'saved_bytes', 'macs', 'trained_parameters', 'ratios', 'terms_off')


def profile_suite(suite: Suite, rounds: int, device: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure one training step of every entry, in turns, on one thread as the trainings have.

    Entries that differ in the length of training alone are measured once.

    Args:
        suite: The suite; its baseline is the standard.
        rounds: How often each step is timed.
        device: ``'cpu'`` or ``'cuda'``.
        say: Takes a line of progress now and then.

    Returns:
        ``rounds``, ``threads``, ``device``, ``load`` of the machine at the beginning (1 is one busy core), and
        ``entries``: for each the digest of its config and the numbers of :func:`mmkd.profiling.measure.measure`.

    Raises:
        FileNotFoundError: If the training data of an entry is absent.
    """
    load = round(os.getloadavg()[0], 1)
    torch.set_num_threads(1)
    subjects: dict[str, Subject] = {}
    key_of: dict[str, str] = {}
    for entry in sorted(suite.entries.values(), key=lambda entry: entry.name != suite.baseline):
        config = _config(entry)
        subject = make_subject(entry.name, config)
        key_of[entry.name] = _key(config, subject)
        subjects.setdefault(key_of[entry.name], subject)
    rows = dict(zip(subjects, measure(list(subjects.values()), rounds, device, say), strict=True))
    entries = {name: _kept(entry, rows[key_of[name]]) for name, entry in suite.entries.items()}
    return dict(rounds=rounds, threads=1, device=device, load=load, entries=entries)


def _config(entry: Entry) -> Config:
    config = load_config(entry.config, entry.cfg_options)
    return distil(config, load_config(entry.distill)) if entry.distill else config


def _key(config: Config, subject: Subject) -> str:
    parts = {key: config.to_dict().get(key) for key in STEP_KEYS}
    return json.dumps([parts, subject.terms_off()], sort_keys=True, default=str)


def _kept(entry: Entry, row: Row) -> dict[str, Any]:
    return {'digest': entry.digest, **{key: row[key] for key in KEPT}}
