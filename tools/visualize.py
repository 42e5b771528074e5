"""Draw what a segmentor sees: predictions beside the truth, attention of the student beside its self-teacher's.

python tools/visualize.py CONFIG CKPT --out pictures --compare PLAIN_CONFIG PLAIN_CKPT
"""

import argparse
import time
from pathlib import Path

import mmkd  # noqa: F401  (makes packaged configs known to mmengine)
from mmkd.engine.device import DEVICES, use_device
from mmkd.engine.messages import one_sentence_errors
from mmkd.visualization import present_classes, save_sheet
from mmkd.visualization.models import SPLITS, load_dataset, load_model, look, predict, spread
from mmkd.visualization.sample import draw_sample, sheet_rows
from mmkd.visualization.segmentation import legend


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
    return parser.parse_args()


def name_models(args: argparse.Namespace) -> list[str]:
    """Names of the models: those of --labels, or the config files'."""
    configs = [args.config, *(args.compare or [])[:1]]
    labels = args.labels or [Path(config.replace('::', '/')).stem for config in configs]
    if len(labels) != len(configs) or len(set(labels)) != len(labels):
        raise ValueError(f'The models are named {labels}, but {len(configs)} different names are needed: set --labels.')
    return labels


def visualize(args: argparse.Namespace) -> Path:
    """Draw everything; the folder it lies in."""
    if args.num < 1:
        raise ValueError(f'--num is {args.num}, but at least one image must be drawn: raise it.')
    names = name_models(args)
    device = use_device(args.device)
    pairs = [(args.config, args.checkpoint), *([args.compare] if args.compare else [])]
    (model, config), *others = [load_model(*pair, device) for pair in pairs]
    dataset = load_dataset(config, args.split)
    classes, palette = (dataset.metainfo[key] for key in ('classes', 'palette'))
    out = args.out or Path(args.checkpoint).parent / 'visualization'
    out.mkdir(parents=True, exist_ok=True)
    samples, begin = [], time.monotonic()
    indices = spread(len(dataset), args.num)
    for number, index in enumerate(indices, 1):
        data = dataset[index]
        models = [*zip(names[1:], [other for other, _ in others], strict=True), (names[0], model)]
        samples.append(look(model, data, {name: predict(each, data) for name, each in models}))
        draw_sample(samples[-1], classes, palette).savefig(out / f'{samples[-1].name}.png')
        left = (time.monotonic() - begin) / number * (len(indices) - number)
        print(f'{number}/{len(indices)} {samples[-1].name}.png, {left:.0f} s left', flush=True)
    maps = [labels for sample in samples for labels in (sample.truth, *sample.predictions.values())]
    save_sheet(out / 'overview.png', *sheet_rows(samples, palette), legend(present_classes(maps), classes, palette))
    return out


def main() -> None:
    """Draw."""
    args = parse_args()
    with one_sentence_errors():
        out = visualize(args)
        print(f'{out / "overview.png"} shows all of them')


if __name__ == '__main__':
    main()
