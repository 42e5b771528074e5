"""Train every entry of a suite with every seed, and compare: results.json, table.md, curves.png.

    python tools/benchmark.py configs/frskd/benchmark_demo.py --seeds 0 1 2
    python tools/benchmark.py configs/frskd/benchmark_demo.py --profile            # and the cost of a step
    python tools/benchmark.py configs/frskd/benchmark_demo.py --profile --report   # the cost alone, added to results

A call that is interrupted goes on where it stopped when it is repeated; what is finished is not done again.
"""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import mmkd  # noqa: F401  (makes packaged configs known to mmengine)
from mmkd.benchmark.bench import plan_runs, run_all, write_report
from mmkd.benchmark.results import collect
from mmkd.benchmark.runs import Scripts
from mmkd.benchmark.suite import Suite, check_seeds, choose_entries, load_suite
from mmkd.engine.device import DEVICES, use_device
from mmkd.engine.messages import one_sentence_errors

TOOLS = Path(__file__).resolve().parent


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('suite', type=Path, help='Python file with title, baseline, entries, seeds')
    parser.add_argument('--seeds', type=int, nargs='+', help='seeds in place of those of the suite')
    parser.add_argument('--jobs', type=int, help='trainings at a time, one thread each (default: the cores; 1 on cuda)')
    parser.add_argument('--work-dir', type=Path, help='folder of the trainings (default: work_dirs/<suite name>)')
    parser.add_argument(
        '--out', type=Path, help='folder of results.json, table.md and curves.png (default: the work dir)'
    )
    parser.add_argument('--only', nargs='+', metavar='NAME', help='train these entries only')
    parser.add_argument('--device', choices=DEVICES, default='cpu')
    parser.add_argument(
        '--report', action='store_true', help='train nothing: rewrite table and curves from results.json'
    )
    parser.add_argument(
        '--profile',
        type=int,
        nargs='?',
        const=20,
        metavar='ROUNDS',
        help='before training, measure a step of every entry so many times (20) for the columns of cost',
    )
    parser.add_argument(
        '--train-script', type=Path, default=TOOLS / 'train.py', help='takes the options of tools/train.py'
    )
    parser.add_argument(
        '--test-script', type=Path, default=TOOLS / 'test.py', help='takes the options of tools/test.py'
    )
    return parser.parse_args()


def benchmark(args: argparse.Namespace) -> bool:
    """Run or report; whether every run is done."""
    work_dir = (args.work_dir or Path('work_dirs') / args.suite.stem).resolve()
    out = args.out or work_dir
    if args.report and args.profile is None:
        write_report(out)
        return True
    suite = load_suite(args.suite)
    seeds = check_seeds(args.seeds) if args.seeds is not None else suite.seeds
    jobs = args.jobs if args.jobs is not None else 1 if args.device == 'cuda' else len(os.sched_getaffinity(0))
    if jobs < 1:
        raise ValueError(f'--jobs is {jobs}, but at least one training must run: raise it.')
    profile = profile_entries(suite, args, work_dir)
    if args.report:
        write_report(out, profile=profile)
        return True
    command = shlex.join(['python', 'tools/benchmark.py', *sys.argv[1:]])
    every_run = plan_runs(list(suite.entries.values()), seeds, work_dir)

    def save() -> None:
        write_report(out, collect(suite, every_run, command, jobs, args.device, profile))

    scripts = Scripts(args.train_script, args.test_script, args.device)
    chosen = choose_entries(suite, args.only)
    return run_all(suite, [run for run in every_run if run.entry in chosen], scripts, work_dir, jobs, save)


def profile_entries(suite: Suite, args: argparse.Namespace, work_dir: Path) -> dict[str, Any] | None:
    """Profile if the command line asks for it, else what an earlier call has measured."""
    file = work_dir / 'profile.json'
    if args.profile is None:
        return json.loads(file.read_text()) if file.is_file() else None
    if args.profile < 1:
        raise ValueError(f'--profile is {args.profile}, but at least one round is needed: raise it.')
    # the trainings are processes of their own, so that nothing else here needs torch
    from mmkd.benchmark.cost import profile_suite

    device = use_device(args.device)
    profile = profile_suite(suite, args.profile, device, lambda line: print(f'profile: {line}', flush=True))
    work_dir.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(profile, indent=1) + '\n')
    return profile


def main() -> None:
    """Compare."""
    args = parse_args()
    try:
        with one_sentence_errors():
            complete = benchmark(args)
    except KeyboardInterrupt:
        sys.exit('Interrupted: repeat the command to go on.')
    out = os.path.relpath(args.out or args.work_dir or Path('work_dirs') / args.suite.stem)
    print((Path(out) / 'table.md').read_text())
    print(f'table.md, curves.png and results.json lie in {out}', flush=True)
    if not complete:
        sys.exit('Not everything is done: mend what is told above and repeat the command.')


if __name__ == '__main__':
    main()
