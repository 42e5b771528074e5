"""Entities: the things of a batch (images, pixels, regions, boxes) that two networks see alike."""

from mmkd.entities.entities import Entities, EntitySets
from mmkd.entities.pixels import pixel_entities
from mmkd.entities.regions import class_prototypes
from mmkd.entities.sampling import balanced_sample, generator_of_step, represented

__all__ = [
    'Entities',
    'EntitySets',
    'balanced_sample',
    'class_prototypes',
    'generator_of_step',
    'pixel_entities',
    'represented',
]
