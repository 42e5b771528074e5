"""The student that is deployed, beside the plain model."""

import torch
from mmengine.registry import MODELS, init_default_scope

import mmkd.distiller  # noqa: F401  (registers it)
from benchmarks.targets.steps import classifier
from benchmarks.targets.target import Target
from benchmarks.targets.turns import median_ratio
from mmkd.engine.checkpoint import PREFIX


def exported_student(width: int, rounds: int) -> list[Target]:
    """Parameters and latency of a student that learned by FRSKD, loaded into the plain model as the export does."""
    init_default_scope('mmpretrain')
    plain = MODELS.build(classifier(width)).eval()
    config = dict(type='mmkd.Distiller', student=classifier(width), methods=dict(frskd=dict(type='mmkd.FRSKD')))
    distilled = MODELS.build(config)
    exported = MODELS.build(classifier(width)).eval()
    weights = {key: value for key, value in distilled.state_dict().items() if not key.startswith(PREFIX)}
    exported.load_state_dict(weights, strict=True)
    images = torch.randn(16, 3, 32, 32)
    own, other = (sum(parameter.numel() for parameter in model.parameters()) for model in (exported, plain))
    with torch.no_grad():
        ratio, seconds, plain_seconds = median_ratio(lambda: exported(images), lambda: plain(images), rounds)
    times = f'16 images: {1000 * seconds:.1f} ms, {1000 * plain_seconds:.1f} ms; the limit is the scatter of the median'
    return [
        Target('parameters of an exported student beyond the plain one', 0, own - other, f'{own:,} parameters'),
        Target('latency of an exported student, relative to the plain one', 1.03, ratio, times),
    ]
