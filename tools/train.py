"""Train a config, distilling or plain, on a CPU, a GPU or several."""

import argparse
from pathlib import Path

from mmengine.config import Config, DictAction

import mmkd  # noqa: F401  (makes packaged configs known to mmengine)
from mmkd.engine.checkpoint import require_checkpoint, require_start
from mmkd.engine.config import (
    add_hook,
    add_import,
    distil,
    has_subnets,
    is_distilling,
    load_config,
    require_model,
    set_teacher,
)
from mmkd.engine.device import DEVICES, processes, use_amp, use_device
from mmkd.engine.log_buffers import accept_log_buffers
from mmkd.engine.messages import one_sentence_errors
from mmkd.engine.strategies import build_runner, keeps_whole_model


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'config', help='a config file, or a packaged one such as mmkd::frskd/NAME.py or mmseg::pspnet/NAME.py'
    )
    parser.add_argument('--work-dir', help='where logs and checkpoints go (default: work_dirs/NAME)')
    parser.add_argument('--distill', metavar='FRAGMENT', help='distil a plain config by one of configs/_base_/methods')
    parser.add_argument(
        '--teacher',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='the external teacher, in place of that of the config or the fragment if it has one',
    )
    parser.add_argument(
        '--eval-teacher',
        action='store_true',
        help='before training, evaluate every teacher of the toolbox of the student on the validation data',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CKPT',
        help='go on from the last checkpoint of the work dir, or from this one',
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision, on a CPU in bfloat16')
    parser.add_argument(
        '--channels-last', action='store_true', help='lay weights and maps out channels-last, which many CPUs prefer'
    )
    parser.add_argument('--seed', type=int, help='seed of all random numbers')
    parser.add_argument('--device', choices=DEVICES, help='default: a GPU if there is one')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how several processes were started',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='values that replace those of the config, as key=value'
    )
    # torchrun and torch.distributed.launch may pass it; the environment tells the same.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(args: argparse.Namespace, device: str) -> Config:
    """The config with everything that the command line says."""
    config = load_config(args.config, args.cfg_options)
    require_model(config)
    name = Path(args.config.replace('::', '/')).stem
    if args.distill:
        config = distil(config, load_config(args.distill))
        name += f'-{Path(args.distill).stem}'
    if args.teacher:
        config = set_teacher(config, *args.teacher)
    if args.eval_teacher:
        evaluate_teacher(config)
    config.work_dir = args.work_dir or config.get('work_dir') or f'work_dirs/{name}'
    if args.seed is not None:
        config.randomness = {**config.get('randomness', {}), 'seed': args.seed}
    if args.amp:
        use_amp(config, device)
    if args.channels_last:
        add_hook(config, 'mmkd.ChannelsLastHook')
    if args.resume:
        config.resume = True
        config.load_from = None if args.resume == 'auto' else args.resume
    require_checkpoint(config.get('load_from'))
    for hook in ('mmkd.RandomStateHook', 'mmkd.ClassCountHook', 'mmkd.WholeCheckpointHook'):
        add_hook(config, hook)
    if has_subnets(config) and keeps_whole_model(config):
        add_hook(config, 'mmkd.SubnetEvaluationHook')
    add_import(config, 'mmkd')
    return config


def evaluate_teacher(config: Config) -> None:
    """Add the hook that evaluates the teachers, if there are any."""
    if not is_distilling(config) or config.model.get('teacher') is None:
        raise ValueError(
            '--eval-teacher was given, but the config has no external teacher: add --teacher CONFIG CHECKPOINT, or '
            'leave the option out.'
        )
    add_hook(config, 'mmkd.EvalTeacherHook')


def train(config: Config) -> None:
    """Check that the training can start, and run it."""
    runner = build_runner(config)
    require_start(config, runner.model)
    runner.train()


def main() -> None:
    """Train."""
    args = parse_args()
    with one_sentence_errors():
        device = use_device(args.device)
        accept_log_buffers()
        config = prepare(args, device)
        with processes(config, args.launcher, device):
            train(config)


if __name__ == '__main__':
    main()
