"""Demo data: handwritten digits on photographs, one set for segmentation, detection and classification.

Digits come from scikit-learn (8 x 8, 13 writers), backgrounds from the photographs inside scikit-image's wheel: nothing
is downloaded.
"""
from mmkd.datasets.demo.make import make_demo_data
from mmkd.datasets.demo.sources import CLASSES, SPLITS

__all__ = ['CLASSES', 'SPLITS', 'make_demo_data']
