"""A test loop without a model: metrics from the name and the content of a checkpoint of fake_train.py."""

import argparse
import json
import runpy
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('--work-dir', type=Path, required=True)
    parser.add_argument('--device', required=True)
    parser.add_argument('--cfg-options', nargs='+')
    arguments = parser.parse_args()
    iteration = int(arguments.checkpoint.stem.split('_')[-1])
    folder = arguments.work_dir / '20260101_000000'
    folder.mkdir(parents=True)
    config = runpy.run_path(arguments.config)
    value = config.get('scale', 1) * (int(arguments.checkpoint.read_text()) + iteration / 10 - 5)
    metrics = {config.get('metric', 'mIoU'): value, 'aAcc': 90.0, 'time': 0.1}
    (folder / '20260101_000000.json').write_text(json.dumps(metrics))


if __name__ == '__main__':
    main()
