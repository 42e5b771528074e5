"""The networks that only training needs are compiled in one graph; those of feature pyramids in their own files."""
import copy

import pytest
import torch

from mmkd.networks import ReverseGuidanceHead, SegmentationBiFPNSelfTeacher
from mmkd.networks.connector import Connectors
from mmkd.networks.fusion import FastNormalizedFusion
from mmkd.networks.masked_generation import MaskedGeneration
from mmkd.networks.projection_head import PairedEmbedding, ProjectionHead
from mmkd.networks.review_fusion import ReviewFusion

STUDENT, TEACHER = [(3, 8, 8), (4, 4, 4)], [(5, 8, 8), (7, 4, 4)]


def maps(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, *shape, generator=generator) for shape in shapes]


def connectors(project=True):
    return Connectors(STUDENT, TEACHER, project, 'Test')


PAIR = (maps(*STUDENT), maps(*TEACHER, seed=1))
ROWS = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
NETWORKS = {
    'fusion': (lambda: FastNormalizedFusion(2), maps((3, 4, 4), (3, 4, 4))),
    'self-teacher of segmentation': (lambda: SegmentationBiFPNSelfTeacher([4, 4]), [maps((4, 8, 8), (4, 4, 4))]),
    'projection head': (lambda: ProjectionHead(4, 8, 3), [ROWS]),
    'projection head of a row': (lambda: ProjectionHead(4, 8, 3), [ROWS[:1]]),
    'projection head with layer norm': (lambda: ProjectionHead(4, 8, 3, 'LN'), [ROWS]),
    'embedding': (lambda: PairedEmbedding(4, 4, 3), [ROWS, ROWS + 1]),
    'reverse guidance': (lambda: ReverseGuidanceHead(4, 3), maps((4, 7, 5))),
    'connectors': (connectors, PAIR),
    'fusion of reviews': (lambda: ReviewFusion(connectors(False)), PAIR),
    'masked generation': (lambda: MaskedGeneration(connectors(), 0.5, False), PAIR),
}


@pytest.mark.parametrize('name', NETWORKS)
def test_compile_in_one_graph(name):
    build, inputs = NETWORKS[name]
    model = build()
    results = []
    # only breaks of the graph are looked for, so that no backend need translate it
    for network in (copy.deepcopy(model), torch.compile(model, fullgraph=True, backend='eager')):
        torch.manual_seed(0)
        results.append(network(*inputs))
    torch.testing.assert_close(*results)
