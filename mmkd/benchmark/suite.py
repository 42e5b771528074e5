"""A suite: which configs are trained with which seeds, and against what each is compared."""

import argparse
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmkd.engine.config import load_config

SUITE_KEYS = ('title', 'baseline', 'metrics', 'entries', 'seeds', 'checkpoint', 'digits', 'scale')
ENTRY_KEYS = ('config', 'label', 'cfg_options', 'distill', 'baseline')
ROW_KEYS = ('of', 'metrics', 'label', 'baseline')
CHECKPOINTS = ('last', 'best')


@dataclass(frozen=True, eq=False)
class Entry:
    """One row of a suite.

    Args:
        name: Key of the entry in the suite; also its folder in the work dir.
        label: What the table and the curves call it.
        config: Config file, resolved against the suite file, or a packaged one (``mmseg::…``).
        cfg_options: What is changed in the config, dotted keys.
        distill: Method fragment for a plain config, or None.
        baseline: Entry it is compared with; None for the baseline itself.
        digest: Hash of the complete config, ``cfg_options`` and fragment included.
        length: Iterations (or epochs) that training takes.
        metrics: Name of the compared metric, by split (``val`` and ``test``).
        of: Entry whose runs the row shows by another metric; None for an entry with runs of its own.
    """

    name: str
    label: str
    config: str
    cfg_options: dict[str, Any]
    distill: str | None
    baseline: str | None
    digest: str
    length: int
    metrics: dict[str, str]
    of: str | None = None

    @property
    def folder(self) -> str:
        """Name of the entry whose runs it shows."""
        return self.of or self.name


@dataclass(frozen=True)
class Suite:
    """A benchmark as read by :func:`load_suite`.

    Args:
        file: The suite file.
        title: Heading of the table.
        entries: Entries by name, in the order of the file.
        seeds: Seeds that every entry is trained with.
        baseline: Name of the entry that the others are compared with.
        metrics: Name of the compared metric, by split (``val`` and ``test``).
        checkpoint: ``last``, or ``best`` on val.
        digits: Decimals of a metric in the table.
        scale: What metrics are multiplied by in the table and the curves, 100 for a metric between 0 and 1.
    """

    file: Path
    title: str
    entries: dict[str, Entry]
    seeds: tuple[int, ...]
    baseline: str
    metrics: dict[str, str]
    checkpoint: str
    digits: int
    scale: float = 1


def load_suite(file: str | Path) -> Suite:
    """Read and check a suite file.

    Args:
        file: Python config with ``title``, ``baseline``, ``entries`` (name to ``dict(config=…, label=…, cfg_options=…,
            distill=…, baseline=…)``, or ``dict(of=NAME, metrics=dict(val=…, test=…), label=…, baseline=…)`` for another
            metric of the same runs), ``seeds``, ``metrics`` (``dict(val='mIoU', test='mIoU')``), ``checkpoint``,
            ``digits`` and ``scale``; paths are relative to it.

    Returns:
        The suite; every config has been read once, so that a missing file shows before the first training.

    Raises:
        FileNotFoundError: The suite, a config or a fragment does not exist.
        ValueError: An unknown key, an unknown baseline, no entry, seeds that are empty or repeated, or a scale of 0 or
            less.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"the suite '{file}' does not exist; give the path of a Python file with entries.")
    # names with an underscore are the suite's own shorthands
    content = {key: value for key, value in Config.fromfile(file).to_dict().items() if not key.startswith('_')}
    _check_keys('the suite', content, SUITE_KEYS)
    entries, baseline = content.get('entries') or {}, content.get('baseline')
    if not entries:
        raise ValueError(f"the suite '{file.name}' has no entries; add entries=dict(name=dict(config='…')).")
    _check_baseline('the suite', baseline, entries)
    metrics = content.get('metrics', {})
    _check_keys('metrics', metrics, ('val', 'test'))
    metrics = _both_splits(metrics, 'mIoU')
    checkpoint = content.get('checkpoint', 'last')
    if checkpoint not in CHECKPOINTS:
        raise ValueError(f"checkpoint is {checkpoint!r}; choose 'last', or 'best' (best on val).")
    return Suite(
        file=file,
        title=content.get('title', file.stem),
        baseline=baseline,
        checkpoint=checkpoint,
        entries=_load_entries(entries, file.parent, baseline, metrics),
        seeds=check_seeds(content.get('seeds', [0, 1, 2])),
        metrics=metrics,
        digits=content.get('digits', 2),
        scale=_check_scale(content.get('scale', 1)),
    )


def check_seeds(seeds: list[int] | tuple[int, ...]) -> tuple[int, ...]:
    """Seeds as a tuple; `ValueError` when there is none or one is repeated."""
    if not seeds:
        raise ValueError('seeds is empty; name at least one, for instance seeds=[0, 1, 2].')
    repeated = sorted({seed for seed in seeds if list(seeds).count(seed) > 1})
    if repeated:
        raise ValueError(
            f'seeds {list(seeds)} name {repeated} more than once; name every seed once, or its runs would count twice.'
        )
    return tuple(seeds)


def choose_entries(suite: Suite, names: list[str] | None) -> list[Entry]:
    """The entries that ``--only`` names, all without it; `ValueError` for an unknown name."""
    unknown = [name for name in names or [] if name not in suite.entries]
    if unknown:
        raise ValueError(f'--only names {unknown}, which the suite does not have; choose among {list(suite.entries)}.')
    return [entry for name, entry in suite.entries.items() if not names or name in names]


def option_arguments(cfg_options: dict[str, Any]) -> list[str]:
    """``cfg_options`` as the ``key=value`` words that ``--cfg-options`` reads back.

    Raises:
        ValueError: A value that the command line cannot carry, a dict for instance.
    """
    words = [f'{key}={value}' for key, value in cfg_options.items()]
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='*', action=DictAction)
    read = parser.parse_args(['--options', *words]).options or {}
    for key, value in cfg_options.items():
        if read[key] != value:
            raise ValueError(
                f'cfg_options {key}={value!r} would reach the training as {read[key]!r}; use numbers, words or lists, '
                'and dotted keys in place of a dict.'
            )
    return words


def _load_entries(entries: dict, folder: Path, baseline: str, metrics: dict[str, str]) -> dict[str, Entry]:
    loaded = {
        name: _load_entry(name, entry, folder, entries, baseline, metrics)
        for name, entry in entries.items()
        if 'of' not in entry
    }
    rows = {name: entry for name, entry in entries.items() if 'of' in entry}
    loaded |= {name: _load_row(name, entry, loaded, entries, baseline) for name, entry in rows.items()}
    return {name: loaded[name] for name in entries}


def _load_row(name: str, entry: dict, loaded: dict[str, Entry], entries: dict, suite_baseline: str) -> Entry:
    """An entry that shows another metric of the runs of an entry."""
    _check_keys(f"entry '{name}'", entry, ROW_KEYS)
    if entry['of'] not in loaded:
        raise ValueError(
            f"entry '{name}' is of {entry['of']!r}, which is no entry with runs; choose among {list(loaded)}."
        )
    baseline = entry.get('baseline', suite_baseline)
    _check_baseline(f"entry '{name}'", baseline, entries)
    _check_keys(f"the metrics of entry '{name}'", entry.get('metrics', {}), ('val', 'test'))
    source = loaded[entry['of']]
    return replace(
        source,
        name=name,
        of=source.name,
        label=entry.get('label', name),
        baseline=baseline,
        metrics=_both_splits(entry.get('metrics', {}), source.metrics['val']),
    )


def _both_splits(metrics: dict[str, str], default: str) -> dict[str, str]:
    val = metrics.get('val', default)
    return {'val': val, 'test': metrics.get('test', val)}


def _load_entry(
    name: str, entry: dict, folder: Path, entries: dict, suite_baseline: str, metrics: dict[str, str]
) -> Entry:
    _check_keys(f"entry '{name}'", entry, ENTRY_KEYS)
    if 'config' not in entry:
        raise ValueError(f"entry '{name}' has no config; add config='…' relative to the suite file.")
    baseline = entry.get('baseline', None if name == suite_baseline else suite_baseline)
    if baseline is not None:
        _check_baseline(f"entry '{name}'", baseline, entries)
    cfg_options = dict(entry.get('cfg_options') or {})
    option_arguments(cfg_options)
    files = [_existing(folder, entry[key], name) for key in ('config', 'distill') if entry.get(key)]
    config = load_config(files[0], cfg_options)
    parts = [config.to_dict(), *(load_config(fragment).to_dict() for fragment in files[1:])]
    return Entry(
        name=name,
        label=entry.get('label', name),
        config=files[0],
        cfg_options=cfg_options,
        distill=files[1] if len(files) > 1 else None,
        baseline=None if baseline == name else baseline,
        digest=_digest(parts),
        length=_length(name, config),
        metrics=metrics,
    )


def _check_keys(owner: str, content: dict, legal: tuple[str, ...]) -> None:
    unknown = [key for key in content if key not in legal]
    if unknown:
        raise ValueError(f'{owner} has the unknown keys {unknown}; legal are {list(legal)}.')


def _check_baseline(owner: str, baseline: str | None, entries: dict) -> None:
    if baseline not in entries:
        raise ValueError(f'{owner} names the baseline {baseline!r}, which is no entry; choose among {list(entries)}.')


def _check_scale(scale: float) -> float:
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not scale > 0:
        raise ValueError(
            f'scale is {scale!r}, but a number above 0 is needed: 100 shows a metric between 0 and 1 in percent.'
        )
    return scale


def _existing(folder: Path, path: str, name: str) -> str:
    if '::' in path:
        return path
    file = folder / path
    if not file.is_file():
        raise FileNotFoundError(
            f"entry '{name}' names '{path}', which does not exist: give a path relative to the suite file."
        )
    return str(file.resolve())


def _length(name: str, config: Config) -> int:
    loop = config.get('train_cfg') or {}
    length = loop.get('max_iters') or loop.get('max_epochs')
    if not length:
        raise ValueError(
            f"the config of entry '{name}' has neither train_cfg.max_iters nor max_epochs: set one in cfg_options."
        )
    return length


def _digest(parts: list[dict]) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
