"""What a training step costs with each method: time, memory, operations and parameters beside the plain student's.

    python tools/profile_overhead.py configs/frskd/frskd_fpn_r18w16_demo-64x64.py
    python tools/profile_overhead.py PLAIN --distill configs/_base_/methods/{frskd,logit_kd}.py --teacher TEACHER
    python tools/profile_overhead.py CONFIG … --synthetic 512 1024 --cfg-options train_dataloader.batch_size=2

Each distilling config is taken apart into the plain student, each method alone, and all methods together. They take
turns at one batch, with mmengine's runner, hooks and optimizer as in training.
"""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

# torch says of every tensor that is freed during a memory profile that it was there before.
os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')

import torch
from mmengine.config import DictAction

import mmkd  # noqa: F401  (makes packaged configs known to mmengine)
from mmkd.benchmark.environment import describe_environment, without_paths
from mmkd.engine.config import load_config
from mmkd.engine.device import DEVICES, use_device
from mmkd.engine.messages import one_sentence_errors
from mmkd.profiling.chart import save_chart
from mmkd.profiling.measure import measure
from mmkd.profiling.subject import make_subject
from mmkd.profiling.table import make_table
from mmkd.profiling.variants import variants, variants_by


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='distilling configs, files or packaged ones')
    parser.add_argument(
        '--distill', nargs='+', metavar='FRAGMENT', help='distil plain configs, by each of configs/_base_/methods named'
    )
    parser.add_argument(
        '--teacher', metavar='CONFIG', help='with --distill: the external teacher; no checkpoint is needed'
    )
    parser.add_argument('--steps', type=int, default=20, help='timed steps of each model (default: 20)')
    parser.add_argument(
        '--synthetic', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'), help='random images of this size, without data'
    )
    parser.add_argument('--out', type=Path, default=Path('work_dirs/profile'), help='folder of profile.{json,md,png}')
    parser.add_argument('--device', choices=DEVICES, help='default: a GPU if there is one')
    parser.add_argument('--threads', type=int, help="threads of a CPU (default: torch's own choice)")
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='values that replace those of every config, as key=value'
    )
    return parser.parse_args()


def profile_config(path: str, args: argparse.Namespace, device: str) -> dict[str, Any]:
    """One config: its batch and a row per variant."""
    config = load_config(path, args.cfg_options)
    if args.teacher and not args.distill:
        raise ValueError(
            f'--teacher {args.teacher} was given, but no --distill: add the fragments that need it, or leave it out.'
        )
    if args.distill:
        compared = variants_by([load_config(fragment) for fragment in args.distill], config, args.teacher)
    else:
        compared = variants(config)
    subjects = [make_subject(name, variant, args.synthetic) for name, variant in compared.items()]
    name = Path(path.replace('::', '/')).stem
    rows = measure(subjects, args.steps, device, lambda line: print(f'{name}: {line}', flush=True))
    return dict(config=name, images=subjects[0].images(), synthetic=bool(args.synthetic), rows=rows)


def profile_all(args: argparse.Namespace) -> dict[str, Any]:
    """All configs, and where they were profiled."""
    sizes = [('--synthetic', side) for side in args.synthetic or ()]
    for option, value in (('--steps', args.steps), ('--threads', args.threads), *sizes):
        if value is not None and value < 1:
            raise ValueError(f'{option} is {value}, but at least 1 is needed: raise it.')
    device = use_device(args.device)
    if args.threads:
        torch.set_num_threads(args.threads)
    configs = [profile_config(path, args, device) for path in args.configs]
    environment = {**describe_environment(Path.cwd()), 'device': device, 'threads': torch.get_num_threads()}
    command = shlex.join(['python', 'tools/profile_overhead.py', *sys.argv[1:]])
    return without_paths(dict(command=command, rounds=args.steps, environment=environment, configs=configs))


def main() -> None:
    """Profile."""
    args = parse_args()
    with one_sentence_errors():
        profile = profile_all(args)
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / 'profile.json').write_text(json.dumps(profile, indent=1) + '\n')
        (args.out / 'profile.md').write_text(make_table(profile))
        save_chart(profile, args.out / 'profile.png')
    print(make_table(profile))
    print(f'profile.md, profile.png and profile.json lie in {os.path.relpath(args.out)}')


if __name__ == '__main__':
    main()
