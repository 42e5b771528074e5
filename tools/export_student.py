"""Write the plain student of a distilled checkpoint: a checkpoint and a config that need no mmkd."""

import argparse
from pathlib import Path

from mmengine.config import DictAction

import mmkd  # noqa: F401  (makes packaged configs known to mmengine)
from mmkd.engine.config import load_config
from mmkd.engine.export import export_student
from mmkd.engine.messages import one_sentence_errors


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config of the distilled training')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument(
        'out', help='the checkpoint to write; the plain config is written beside it with the ending .py'
    )
    parser.add_argument('--subnet', metavar='NAME', help='the net of a student of dynamic depth (default: full)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='values that replace those of the config, as key=value'
    )
    return parser.parse_args()


def main() -> None:
    """Export."""
    args = parse_args()
    with one_sentence_errors():
        checkpoint, config = export_student(
            load_config(args.config, args.cfg_options), Path(args.checkpoint), Path(args.out), args.subnet
        )
        print(f'The plain student: {checkpoint}\nIts plain config:  {config}')


if __name__ == '__main__':
    main()
