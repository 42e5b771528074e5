"""Our losses and steps against plain formulations: differences, and ratios of time and memory.

    python -m benchmarks.peers.compare
    python -m benchmarks.peers.compare --only FRSKD --frskd 64 128 --rounds 3

A ratio below 1 is in our favour.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

# torch says of every tensor that is freed during a memory profile that it was there before.
os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')

import torch

from benchmarks.peers.cases import CASES, frskd
from benchmarks.peers.measure import compare
from benchmarks.peers.peer import Peer
from mmkd.benchmark.environment import describe_environment, without_paths
from mmkd.engine.messages import one_sentence_errors

HEADER = ('method', 'given', 'value differs by', 'gradient by', 'time', 'peak memory', 'kept for backward')


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', nargs='+', metavar='NAME', help=f'some of: {", ".join(CASES)}')
    parser.add_argument('--rounds', type=int, default=15, help='how often each form is timed (default: 15)')
    parser.add_argument('--frskd', type=int, nargs=2, default=(16, 32), metavar=('WIDTH', 'BATCH'),
                        help='channels of the first stage and images of the step of FRSKD (default: 16 32)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/peers'), help='folder of peers.{json,md}')
    return parser.parse_args()


def rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """All rows that were asked for."""
    unknown = set(args.only or ()) - set(CASES)
    if unknown:
        raise ValueError(f'There is no comparison {sorted(unknown)[0]!r}: choose among {", ".join(CASES)}.')
    found = []
    for name in args.only or CASES:
        peer = Peer(name, *frskd(*args.frskd)) if name == 'FRSKD' else CASES[name]()
        found.append(compare(peer, CASES[name](tiny=True), args.rounds))
        print(line(found[-1]), flush=True)
    if 'FRSKD' in (args.only or CASES):
        last = Peer('FRSKD, ours channels-last', *frskd(*args.frskd, channels_last=True))
        found.append(compare(last, None, args.rounds))
        print(line(found[-1]), flush=True)
    return found


def line(row: dict[str, Any]) -> str:
    """A row as Markdown."""
    differences = [row['value_difference'], row['gradient_difference']]
    cells = [row['name'], row['size'], *('–' if each is None else f'{each:.0e}' for each in differences)]
    cells.append(f'{row["time_ratio"]:.2f} x ({row["ours_ms"]:.2f} ms)' if 'time_ratio' in row else '–')
    cells += [f'{row[f"{kind}_ratio"]:.2f} x ({row[f"ours_{kind}_bytes"] / 1e6:.2f} MB)' for kind in ('peak', 'saved')]
    return f'| {" | ".join(cells)} |'


def make_table(found: list[dict[str, Any]]) -> str:
    """All rows as Markdown."""
    return '\n'.join([f'| {" | ".join(HEADER)} |', '|' + ' --- |' * 2 + ' ---: |' * 5, *map(line, found), ''])


def main() -> None:
    """Compare."""
    args = parse_args()
    torch.set_num_threads(1)
    with one_sentence_errors():
        found = rows(args)
        args.out.mkdir(parents=True, exist_ok=True)
        result = dict(environment=describe_environment(Path.cwd()), rounds=args.rounds, rows=found)
        (args.out / 'peers.json').write_text(json.dumps(without_paths(result), indent=1) + '\n')
        (args.out / 'peers.md').write_text(make_table(found))
    print(f'peers.md and peers.json lie in {args.out}')


if __name__ == '__main__':
    main()
