"""A profile as Markdown: the plain student's numbers, and those of the others with their ratio to it."""

from collections.abc import Callable
from typing import Any

COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    'step_ms': ('step time', lambda value: f'{value:.0f} ms' if value >= 10 else f'{value:.2f} ms'),
    'peak_bytes': ('peak memory', lambda value: f'{value / 1e6:.1f} MB'),
    'saved_bytes': ('kept for backward', lambda value: f'{value / 1e6:.1f} MB'),
    'macs': ('MACs', lambda value: f'{value / 1e9:.2f} G'),
    'trained_parameters': ('trained parameters', lambda value: f'{value / 1e6:.3f} M'),
    'deployed_parameters': ('deployed parameters', lambda value: f'{value / 1e6:.3f} M'),
}
MEMORY = {
    'cpu': "what torch's CPU allocator holds, buffers inside kernels included",
    'cuda': 'torch.cuda.max_memory_allocated',
}


def make_table(profile: dict[str, Any]) -> str:
    """The profile as Markdown, one table per config, and how to read it."""
    lines = ['# Cost of a training step', '']
    for config in profile['configs']:
        lines += [f'## {config["config"]}', '', describe_batch(config), '', *_table(config['rows']), '']
        lines += _terms_off(config['rows'])
    return '\n'.join([*lines, _caption(profile), '', _origin(profile), ''])


def describe_batch(config: dict[str, Any]) -> str:
    """``Batch of 16 images of 64 x 64``."""
    images = config['images']
    height, width = (max(size[side] for size in images) for side in (0, 1))
    up_to = 'up to ' if len(set(map(tuple, images))) > 1 else ''
    made_up = ' (random ones)' if config['synthetic'] else ''
    return f'Batch of {len(images)} image{"s" * (len(images) > 1)} of {up_to}{height} x {width}{made_up}'


def _table(rows: list[dict[str, Any]]) -> list[str]:
    header = ['', *(title for title, _ in COLUMNS.values())]
    body = [[row['name'], *(_cell(row, key, first=row is rows[0]) for key in COLUMNS)] for row in rows]
    lines = [header, ['---'] + ['---:'] * len(COLUMNS), *body]
    return ['| ' + ' | '.join(cells) + ' |' for cells in lines]


def _cell(row: dict[str, Any], key: str, first: bool) -> str:
    text, ratio = COLUMNS[key][1](row[key]), row['ratios'][key]
    return text if first or ratio is None else f'{ratio:.2f} x ({text})'


def _terms_off(rows: list[dict[str, Any]]) -> list[str]:
    off = [f'{row["name"]}: {", ".join(row["terms_off"])}' for row in rows if row['terms_off']]
    return [f'Not in the numbers, because the weight is 0 at the end of training: {"; ".join(off)}.', ''] * bool(off)


def _caption(profile: dict[str, Any]) -> str:
    return (
        f'One training step (preprocessing, forward, backward, optimizer) of the same batch, at the last iteration of '
        f'the run, when ramps are up. Step time: median of {profile["rounds"]} rounds in which the models take turns; '
        'its ratio is the median of the ratios within a round, which other load on the machine hardly moves. The rest '
        f'is counted, not sampled. Peak memory: parameters, buffers, optimizer state and the most that the step adds '
        f'({MEMORY[profile["environment"]["device"]]}). Kept for backward: what the forward pass saves, parameters '
        'left out. MACs: multiply-accumulates of convolutions and matrix products, forward and backward. MB: 10⁶ bytes.'
    )


def _origin(profile: dict[str, Any]) -> str:
    place, git = profile['environment'], profile['environment']['git']
    commit = f'; commit {git["commit"][:10]}{" with changes" if git["dirty"] else ""}' if git else ''
    threads = f'{place["threads"]} thread{"s" * (place["threads"] > 1)}'
    return (
        f'`{profile["command"]}`, {place["date"]}, {place["cpu"]} (device {place["device"]}, {threads}); '
        f'torch {place["versions"]["torch"].split()[0]}{commit}.'
    )
