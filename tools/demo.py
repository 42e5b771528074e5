"""The main job in one command: make the demo data, train the plain student and the same with FRSKD, compare, draw.

What is done already is not done again; --work-dir makes a new run.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLAIN = 'configs/plain/fpn_r18w16_demo-64x64.py'
FRSKD = 'configs/frskd/frskd_fpn_r18w16_demo-64x64.py'


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', default='work_dirs/demo', help='where everything is written')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='train both students with each of these')
    return parser.parse_args()


def run(title: str, *command: object) -> None:
    """Run a tool of the repository and end with its status if it fails."""
    print(f'== {title}', flush=True)
    status = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, check=False).returncode
    if status:
        sys.exit(status)


def last_checkpoint(folder: Path) -> str:
    """The checkpoint that a training wrote last."""
    return (ROOT / folder / 'last_checkpoint').read_text().strip()


def main() -> None:
    """Make, train, compare, draw."""
    args = parse_args()
    work_dir, seed = Path(args.work_dir), f'seed{args.seeds[0]}'
    run('Demo data', 'tools/make_demo_data.py')
    suite = ('tools/benchmark.py', 'configs/frskd/benchmark_demo.py', '--only', 'plain', 'frskd')
    suite = (*suite, '--work-dir', work_dir, '--seeds', *args.seeds)
    run('Train and evaluate the plain student and the student with FRSKD', *suite)
    checkpoints = {name: last_checkpoint(work_dir / name / seed) for name in ('plain', 'frskd')}
    pictures = work_dir / 'pictures'
    run(
        'Draw predictions and attention maps of validation images',
        'tools/visualize.py',
        FRSKD,
        checkpoints['frskd'],
        '--compare',
        PLAIN,
        checkpoints['plain'],
        '--labels',
        'FRSKD',
        'plain',
        '--out',
        pictures,
        '--num',
        6,
    )
    print(f'\n{(ROOT / work_dir / "table.md").read_text()}')
    for name, path in (('Table', 'table.md'), ('Curves', 'curves.png'), ('Pictures', 'pictures/overview.png')):
        print(f'{name + ":":10}{work_dir / path}')


if __name__ == '__main__':
    main()
