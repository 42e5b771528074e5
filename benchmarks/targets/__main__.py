"""Measure every limit that mmkd sets itself, in one run.

    python -m benchmarks.targets
    python -m benchmarks.targets --frskd 16 32 1 --rounds 3

The table tells what is found, and whether the limit holds.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

# torch says of every tensor that is freed during a memory profile that it was there before.
os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')

import torch

from benchmarks.targets.deployed import exported_student
from benchmarks.targets.imports import import_seconds
from benchmarks.targets.memory import attention, relations
from benchmarks.targets.steps import external_teacher_step, frskd_step
from benchmarks.targets.target import Target
from mmkd.benchmark.environment import describe_environment, without_paths
from mmkd.engine.messages import one_sentence_errors


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=15, help='how often each thing is timed (default: 15)')
    parser.add_argument(
        '--frskd',
        type=int,
        nargs=3,
        default=(64, 128, 5),
        metavar=('WIDTH', 'BATCH', 'ROUNDS'),
        help='channels of the first stage and images of the step of FRSKD, and how often it is timed '
        '(default: 64 128 5)',
    )
    parser.add_argument('--out', type=Path, default=Path('work_dirs/targets'), help='folder of targets.{json,md}')
    return parser.parse_args()


def measure(args: argparse.Namespace) -> Iterator[Target]:
    """All rows."""
    yield from import_seconds(5)
    yield relations()
    for channels in (64, 256, 512):
        yield attention(channels)
    yield from exported_student(16, 4 * args.rounds)
    yield external_teacher_step(16, 32, args.rounds)
    yield from frskd_step(*args.frskd)


def line(target: Target) -> str:
    """A row as Markdown."""
    cells = (target.name, f'{target.limit:g}', f'{target.found:.3g}', 'yes' if target.met else '**no**', target.details)
    return f'| {" | ".join(cells)} |'


def main() -> None:
    """Measure, print and write."""
    args = parse_args()
    torch.set_num_threads(1)
    lines = ['| what | at most | found | met | measured on |', '| --- | ---: | ---: | --- | --- |']
    found = []
    with one_sentence_errors():
        if min(args.rounds, *args.frskd) < 1:
            raise ValueError('--rounds and --frskd take numbers from 1: raise what is smaller.')
        print('\n'.join(lines), flush=True)
        for target in measure(args):
            found.append(target)
            lines.append(line(target))
            print(lines[-1], flush=True)
        args.out.mkdir(parents=True, exist_ok=True)
        environment = describe_environment(Path.cwd())
        rows = [asdict(target) | dict(met=target.met) for target in found]
        (args.out / 'targets.json').write_text(
            json.dumps(without_paths(dict(environment=environment, targets=rows)), indent=1) + '\n'
        )
        (args.out / 'targets.md').write_text('\n'.join([*lines, '']))
    print(f'targets.md and targets.json lie in {args.out}')


if __name__ == '__main__':
    main()
