"""Evaluate a checkpoint by the evaluators of its config; of a distilling one, the plain student."""

import argparse
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

import mmkd  # noqa: F401  (makes packaged configs known to mmengine)
from mmkd.engine.checkpoint import read_checkpoint, require_checkpoint, require_fit
from mmkd.engine.config import add_hook, add_import, has_subnets, load_config, plain_model, without_teachers
from mmkd.engine.device import DEVICES, processes, use_device
from mmkd.engine.log_buffers import accept_log_buffers
from mmkd.engine.messages import one_sentence_errors
from mmkd.engine.strategies import without_strategy
from mmkd.subnets import complete


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a config file, or a packaged one such as mmkd::frskd/NAME.py')
    parser.add_argument(
        'checkpoint', help='of a distilling or a plain student; sub-nets that it does not know get its norms'
    )
    parser.add_argument('--work-dir', help='where logs and metrics go (default: work_dirs/NAME)')
    parser.add_argument(
        '--split',
        choices=['val', 'test'],
        default='test',
        help='the data loader and evaluator of the config that are used',
    )
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
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def evaluate(config: Config, checkpoint: str) -> None:
    """Check that the checkpoint fits, and run the test loop."""
    runner = Runner.from_cfg(config)
    if '://' not in checkpoint:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        name = Path(checkpoint).name
        require_fit(model, complete(model, read_checkpoint(checkpoint)['state_dict'], name), name)
    runner.test()


def main() -> None:
    """Evaluate."""
    args = parse_args()
    with one_sentence_errors():
        device = use_device(args.device)
        accept_log_buffers()
        config = load_config(args.config, args.cfg_options)
        config.work_dir = (
            args.work_dir or config.get('work_dir') or f'work_dirs/{Path(args.config.replace("::", "/")).stem}'
        )
        require_checkpoint(args.checkpoint)
        config.load_from, config.resume = args.checkpoint, False
        # Checkpoints are whole whatever strategy wrote them, and one process can test what several trained.
        config = without_strategy(config)
        if args.split == 'val':
            config.test_dataloader, config.test_evaluator = config.val_dataloader, config.val_evaluator
        # What only training needs, the files of a teacher for example, need not be there.
        if has_subnets(config):
            config = without_teachers(config)
            add_hook(config, 'mmkd.SubnetEvaluationHook')
        else:
            config.model = plain_model(config)
            add_hook(config, 'mmkd.PlainWeightsHook')
        add_import(config, 'mmkd')
        with processes(config, args.launcher, device):
            evaluate(config, args.checkpoint)


if __name__ == '__main__':
    main()
