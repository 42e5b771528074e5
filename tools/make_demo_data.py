"""Make the demo data: handwritten digits on photographs, for segmentation, detection and classification."""
import argparse
import sys

from mmkd.datasets.demo import make_demo_data


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('root', nargs='?', default='data/demo', help='folder to write; the demo configs read data/demo')
    parser.add_argument('--seed', type=int, default=0, help='equal arguments give equal files')
    parser.add_argument('--size', type=int, default=64, help='height and width in pixels, 32 to 512')
    parser.add_argument('--train', type=int, default=4000, help='number of training images')
    parser.add_argument('--val', type=int, default=500, help='number of images for choosing settings')
    parser.add_argument('--test', type=int, default=500, help='number of images for reporting')
    parser.add_argument('--difficulty', type=float, default=0.3, help='0 (bold, apart) to 1 (faint, crowded, noisy)')
    return parser.parse_args()


def main() -> None:
    try:
        root = make_demo_data(**vars(parse_args()))
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.exit(f'make_demo_data: {error}')
    print(f'The demo data stand in {root}.')


if __name__ == '__main__':
    main()
