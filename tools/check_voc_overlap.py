"""Tell which training images of VOC 2007 + 2012 are test images of VOC 2007; the exit status is 1 if any is.

python tools/check_voc_overlap.py data/VOCdevkit --write-clean data/VOCdevkit/train_clean.txt
"""

import argparse
import sys
from pathlib import Path

from mmkd.datasets.voc_overlap import clean_list, find_overlap, read_list
from mmkd.engine.messages import one_sentence_errors


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('devkit', type=Path, nargs='?', default=Path('data/VOCdevkit'), help='holds VOC2007, VOC2012')
    parser.add_argument('--train', nargs='+', default=['VOC2007/trainval', 'VOC2012/trainval'], metavar='YEAR/SET')
    parser.add_argument('--test', nargs='+', default=['VOC2007/test'], metavar='YEAR/SET')
    parser.add_argument('--write-clean', type=Path, metavar='FILE', help='write the training list without the overlap')
    return parser.parse_args()


def check(args: argparse.Namespace) -> bool:
    """Print the overlap; whether there is one."""
    test = [line for name in args.test for line in read_list(args.devkit, name)]
    lists = {name: read_list(args.devkit, name) for name in args.train}
    train = [line for lines in lists.values() for line in lines]
    for name, lines in lists.items():
        overlap = find_overlap(lines, test)
        print(f'{name}: {len(lines)} images, {len(overlap)} of them in {" + ".join(args.test)}')
        print(''.join(f'  {line}\n' for line in overlap), end='')
    if args.write_clean:
        clean = clean_list(train, test)
        args.write_clean.write_text('\n'.join(clean) + '\n')
        print(f'{args.write_clean}: {len(clean)} images, each once, none of them tested')
    return bool(find_overlap(train, test))


def main() -> None:
    """Check."""
    args = parse_args()
    with one_sentence_errors():
        sys.exit(int(check(args)))


if __name__ == '__main__':
    main()
