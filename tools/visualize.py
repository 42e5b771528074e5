"""Draw what a model sees: predictions beside the truth, attention of the student beside its self-teacher's.

Works for classifiers, segmentors and detectors. Writes one PNG per image, overview.png and index.html.

python tools/visualize.py CONFIG CKPT --out pictures --compare PLAIN_CONFIG PLAIN_CKPT
"""

import argparse
import time
from pathlib import Path

import mmkd  # noqa: F401  (makes packaged configs known to mmengine)
from mmkd.engine.device import DEVICES, use_device
from mmkd.engine.messages import one_sentence_errors
from mmkd.visualization.features import STAGES
from mmkd.visualization.gallery import Gallery
from mmkd.visualization.images import name_of
from mmkd.visualization.models import SPLITS, collect, load_dataset, load_model, require_one_task, spread
from mmkd.visualization.painter import painter_of


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='a config file, or a packaged one such as mmkd::frskd/NAME.py')
    parser.add_argument('checkpoint', help='what its training wrote')
    parser.add_argument(
        '--out', type=Path, help='folder of the pictures (default: visualization beside the checkpoint)'
    )
    parser.add_argument('--split', choices=SPLITS, default='val', help='whose images are drawn')
    parser.add_argument('--num', type=int, default=8, help='how many, spread evenly over the split')
    parser.add_argument('--device', choices=DEVICES, help='default: a GPU if there is one')
    parser.add_argument('--compare', nargs=2, metavar=('CONFIG', 'CKPT'), help='a second model, drawn before the first')
    parser.add_argument('--labels', nargs='+', metavar='NAME', help='names of the first and the second model')
    parser.add_argument(
        '--source', choices=list(STAGES), help='whose attention is drawn (default: what the method refines)'
    )
    parser.add_argument('--score-threshold', type=float, default=0.3, help='detection: boxes from this score on')
    parser.add_argument('--top', type=int, default=5, help='classification: how many of the most probable classes')
    return parser.parse_args()


def name_models(args: argparse.Namespace) -> list[str]:
    """Names of the models: those of --labels, or the config files'."""
    configs = [args.config, *(args.compare or [])[:1]]
    labels = args.labels or [Path(config.replace('::', '/')).stem for config in configs]
    if len(labels) != len(configs) or len(set(labels)) != len(labels):
        raise ValueError(f'The models are named {labels}, but {len(configs)} different names are needed: set --labels.')
    return labels


def check(args: argparse.Namespace) -> None:
    """Refuse numbers that make no pictures."""
    for option, value in (('--num', args.num), ('--top', args.top)):
        if value < 1:
            raise ValueError(f'{option} is {value}, but it must be at least 1: raise it.')
    if not 0 <= args.score_threshold <= 1:
        raise ValueError(f'--score-threshold is {args.score_threshold}, but it must be from 0 to 1: correct it.')


def visualize(args: argparse.Namespace) -> Path:
    """Draw everything; the folder it lies in."""
    check(args)
    names = name_models(args)
    device = use_device(args.device)
    pairs = [(args.config, args.checkpoint), *([args.compare] if args.compare else [])]
    (model, config), *others = [load_model(*pair, device) for pair in pairs]
    models = {**dict(zip(names[1:], [other for other, _ in others], strict=True)), names[0]: model}
    require_one_task(models)
    dataset = load_dataset(config, args.split)
    painter = painter_of(model, dataset.metainfo, score_threshold=args.score_threshold, top=args.top)
    gallery = Gallery(args.out or Path(args.checkpoint).parent / 'visualization', painter)
    indices, begin = spread(len(dataset), args.num), time.monotonic()
    for number, index in enumerate(indices, 1):
        data = dataset[index]
        sample = collect(models, data, painter, name_of(data['data_samples'], index), args.source)
        file = gallery.add(sample)
        left = (time.monotonic() - begin) / number * (len(indices) - number)
        print(f'{number}/{len(indices)} {file.name}, {left:.0f} s left', flush=True)
    facts = {'attention of': args.config, 'checkpoint': args.checkpoint, 'split': args.split}
    gallery.close(f'What {names[0]} sees', facts)
    return gallery.folder


def main() -> None:
    """Draw."""
    args = parse_args()
    with one_sentence_errors():
        out = visualize(args)
        print(f'{out / "index.html"} shows all of them, {out / "overview.png"} the predictions alone')


if __name__ == '__main__':
    main()
