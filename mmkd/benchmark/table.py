"""``table.md``: one row per entry, every number with its spread."""

import re
from collections.abc import Iterable
from statistics import fmean
from typing import Any

from mmkd.benchmark.results import Results, finished, metric_by_seed, metric_label
from mmkd.benchmark.statistics import difference, mean_and_std

NONE = '–'
COST = {'step time': 'step_ms', 'peak memory': 'peak_bytes'}
CHECKPOINT = {'last': 'the last checkpoint of each run', 'best': 'the checkpoint of each run that is best on val'}


def make_table(results: Results) -> str:
    """The results as Markdown: a title, a table, what failed, and how to read it."""
    header = [
        'Model',
        'Iterations',
        'Training time',
        'ms / iteration',
        *(COST if 'profile' in results else ()),
        *(f'{split} {metric_label(results, split)}' for split in ('val', 'test')),
        'difference on val',
        'difference on test',
        'Seeds',
    ]
    rows = [_row(results, name) for name in results['entries']]
    lines = [
        f'# {results["title"]}',
        '',
        _line(header),
        _line(['---'] + ['---:'] * (len(header) - 1)),
        *map(_line, rows),
        '',
    ]
    return '\n'.join(lines + _unfinished(results) + [_caption(results), '', _origin(results), ''])


def format_mean(values: list[float], digits: int) -> str:
    """``39.80 ± 0.91``; without the spread for one value, a dash for none."""
    if not values:
        return NONE
    mean, std = mean_and_std(values)
    return f'{mean:.{digits}f}' if std is None else f'{mean:.{digits}f} ± {std:.{digits}f}'


def format_time(seconds: float) -> str:
    """``48 s``, ``6 min 40 s`` or ``2 h 05 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f'{seconds} s'
    if seconds < 3600:
        return f'{seconds // 60} min {seconds % 60:02d} s'
    minutes = round(seconds / 60)
    return f'{minutes // 60} h {minutes % 60:02d} min'


def _row(results: Results, name: str) -> list[str]:
    entry, runs, digits = results['entries'][name], finished(results, name), results['digits']
    label = entry['label'] + (' (baseline)' if name == results['baseline'] else '')
    cells = [label, NONE, NONE, NONE]
    if runs:
        speeds = [run['ms_per_iteration'] for run in runs if run['ms_per_iteration']]
        cells = [
            label,
            _length(runs),
            format_time(fmean(run['train_seconds'] for run in runs)),
            f'{fmean(speeds):.0f}' if speeds else NONE,
        ]
    values = [format_mean(list(metric_by_seed(results, name, split).values()), digits) for split in ('val', 'test')]
    cells += _cost(results, name) if 'profile' in results else []
    return [*cells, *values, *(_difference(results, name, split) for split in ('val', 'test')), _seeds(results, name)]


def _length(runs: list[dict[str, Any]]) -> str:
    iterations, epochs = (_range(run.get(unit) for run in runs) for unit in ('iterations', 'epochs'))
    return f'{iterations} ({epochs} epochs)' if epochs else iterations


def _range(counts: Iterable[int | None]) -> str:
    ends = sorted({count for count in counts if count is not None})
    return ' to '.join(str(count) for count in ends[:1] + ends[1:][-1:])


def _cost(results: Results, name: str) -> list[str]:
    # a config that has changed since its training costs something else
    known = all(_is_profiled(results, entry) for entry in (name, results['baseline']))
    ratios = results['profile']['entries'][name]['ratios'] if known else {}
    return [f'{ratios[key]:.2f} x' if known else NONE for key in COST.values()]


def _is_profiled(results: Results, name: str) -> bool:
    profiled = results['profile']['entries'].get(name)
    return profiled is not None and profiled['digest'] == results['entries'][name]['digest']


def _difference(results: Results, name: str, split: str) -> str:
    baseline, digits = results['entries'][name]['baseline'], results['digits']
    values = metric_by_seed(results, name, split)
    reference = metric_by_seed(results, baseline, split) if baseline else {}
    if not values or not reference:
        return NONE
    found = difference(values, reference)
    text = f'{found["difference"]:+.{digits}f}'
    if found['standard_error'] is not None:
        text += f' ± {found["standard_error"]:.{digits}f}'
    if found['paired_standard_error'] is not None:
        text += f' (paired ± {found["paired_standard_error"]:.{digits}f})'
    return text if baseline == results['baseline'] else f'{text} vs {results["entries"][baseline]["label"]}'


def _seeds(results: Results, name: str) -> str:
    states = [run['state'] for run in results['runs'] if run['entry'] == name]
    done, failed = states.count('done'), states.count('failed')
    open_ = len(states) - done - failed
    notes = [f'{failed} failed'] * bool(failed) + [f'{open_} not finished'] * bool(open_)
    return f'{done} of {len(states)} ({", ".join(notes)})' if notes else str(done)


def _unfinished(results: Results) -> list[str]:
    words = {
        'failed': 'failed',
        'interrupted': 'interrupted',
        'missing': 'not run',
        'changed': 'not run since its config changed',
    }
    lines = [
        f'- {run["entry"]}, seed {run["seed"]}: {words[run["state"]]}' + _reason(run)
        for run in results['runs']
        if run['state'] != 'done'
    ]
    return ['Runs that are not in the numbers:', '', *lines, ''] if lines else []


def _reason(run: dict[str, Any]) -> str:
    if run['state'] != 'failed':
        return ''
    # what follows the exception, a hint for instance, says less than the exception
    said = [line for line in run['log'] if re.match(r'\s*[\w.]*(Error|Exception|Interrupt)\b', line)] or run['log']
    return f': {run["error"]}' + (f', `{said[-1].strip()[:200]}`' if said else '')


def _caption(results: Results) -> str:
    label = results['entries'][results['baseline']]['label']
    checkpoint = CHECKPOINT[results['checkpoint']]
    return (
        f'Mean ± sample standard deviation (n − 1) over seeds, of {checkpoint}. Difference: of the means, to {label} '
        'unless another model is named, ± its standard error √(s₁²/n₁ + s₂²/n₂). That is the error to judge by: it '
        'needs no more than independent runs. Where both models have the same seeds, the paired standard error s_d/√n '
        'of the differences within a seed stands in brackets; it is smaller only as far as one seed moves both models '
        'alike, and with few seeds it is itself uncertain. Training time: the logged iteration times added up, without '
        'validation and start-up.' + _cost_caption(results)
    )


def _cost_caption(results: Results) -> str:
    if 'profile' not in results:
        return ''
    profile, label = results['profile'], results['entries'][results['baseline']]['label']
    return (
        f' Step time and peak memory: of one training step, relative to {label}, with the weights that the methods '
        'have at the end of training. They are measured apart from the trainings (`--profile`): the models take turns '
        f'for {profile["rounds"]} rounds on {profile["threads"]} thread, and the time is the median of the ratios '
        'within a round; ms / iteration is what the trainings took, whatever else ran beside them.'
    )


def _origin(results: Results) -> str:
    place, git = results['environment'], results['environment']['git']
    commit = f'; commit {git["commit"][:10]}{" with changes" if git["dirty"] else ""}' if git else ''
    versions = ', '.join(f'{name} {version.split()[0]}' for name, version in place['versions'].items())
    cpu = f'{place["cpu"]} ({place["cores"]} cores, device {place["device"]})'
    runs = f'{place["runs_at_a_time"]} runs at a time with {place["threads_per_run"]} thread each'
    return f'`{results["command"]}`, {place["date"]}, {cpu}, {runs}; Python {place["python"]}, {versions}{commit}.'


def _line(cells: list[str]) -> str:
    return '| ' + ' | '.join(cell.replace('|', '\\|') for cell in cells) + ' |'
