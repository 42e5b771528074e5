"""A training in a second: the options, scalars and checkpoints of tools/train.py without a model."""

import argparse
import json
import runpy
import sys
import time
from pathlib import Path


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    parser.add_argument('--work-dir', type=Path, required=True)
    parser.add_argument('--seed', type=int, required=True)
    parser.add_argument('--device', required=True)
    parser.add_argument('--distill')
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--cfg-options', nargs='+', default=[])
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    options = dict(word.split('=') for word in arguments.cfg_options)
    config = {
        **runpy.run_path(arguments.config),
        **{key: int(value) for key, value in options.items() if '.' not in key},
    }
    # iterations from one validation to the next, which are an epoch where training counts epochs
    interval, by_epoch = config.get('interval', 10), 'max_epochs' in config['train_cfg']
    name, scale, unit = config.get('metric', 'mIoU'), config.get('scale', 1), 'epoch' if by_epoch else 'iter'
    length = config['train_cfg']['max_epochs'] * interval if by_epoch else config['train_cfg']['max_iters']
    stop = int(options.get('train_cfg.max_iters', length))
    folder, pointer = arguments.work_dir, arguments.work_dir / 'last_checkpoint'
    begin = int(Path(pointer.read_text()).stem.split('_')[1]) if arguments.resume else 0
    with open(folder / 'begins.txt', 'a') as stream:
        stream.write(f'{begin}\n')
    scalars = folder / time.strftime(f'%Y%m%d_%H%M%S_{time.time_ns()}') / 'vis_data' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    for iteration in range(begin + interval, stop + 1, interval):
        time.sleep(config.get('pause', 0))
        step = iteration // interval if by_epoch else iteration
        metrics = {name: scale * (config['level'] + arguments.seed + iteration / 10), 'step': step}
        # the last iteration of an epoch is not logged
        line = {'iter': iteration - 1, 'epoch': step} if by_epoch else {'iter': iteration}
        with open(scalars, 'a') as stream:
            stream.write(json.dumps({'lr': 0.1, 'loss': 1.0, 'time': 0.5, **line, 'step': line['iter']}) + '\n')
            stream.write(json.dumps(metrics) + '\n')
        if config.get('crash_seed') == arguments.seed and iteration == 20:
            sys.exit('ValueError: the loss is nan')
        for old in folder.glob('best_*.pth'):
            old.unlink()
        best = f'best_{name.replace("/", "_")}'
        for file in (f'{unit}_{step}.pth', f'{best}_{unit}_{min(step, 20)}.pth', f'{best}_50_{unit}_{step}.pth'):
            (folder / file).write_text(str(config['level'] + arguments.seed))
        pointer.write_text(f'/another/machine/{unit}_{step}.pth')


if __name__ == '__main__':
    main()
