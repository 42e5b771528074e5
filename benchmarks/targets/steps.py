"""Whole training steps: FRSKD beside its published formulation, an external teacher beside the sum of two passes."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample
from torch import nn

import mmkd.distiller  # noqa: F401  (registers it)
from benchmarks.peers.cases import frskd
from benchmarks.peers.measure import compare
from benchmarks.peers.peer import Peer
from benchmarks.targets.target import Target
from benchmarks.targets.turns import median_ratio

BATCH = 64


def frskd_step(width: int, batch: int, rounds: int) -> list[Target]:
    """Time and peak memory of FRSKD's step with ResNet-18 in CIFAR form and a self-teacher of width 2."""
    row = compare(Peer('FRSKD', *frskd(width, batch, channels_last=True)), None, rounds)
    size = f'ResNet-18, {row["size"]}'
    return [
        Target(
            'time of an FRSKD step, relative to the published formulation',
            0.8,
            row['time_ratio'],
            f'{size}: {row["ours_ms"]:.0f} ms, {row["plain_ms"]:.0f} ms',
        ),
        Target(
            'peak memory of an FRSKD step, relative to the published formulation',
            0.8,
            row['peak_ratio'],
            f'{size}: {row["ours_peak_bytes"] / 1e6:.0f} MB, {row["plain_peak_bytes"] / 1e6:.0f} MB',
        ),
    ]


def classifier(width: int) -> dict[str, Any]:
    """The config of a ResNet-18 for images of 32 x 32."""
    backbone = dict(type='ResNet_CIFAR', depth=18, base_channels=width, stem_channels=width)
    head = dict(type='LinearClsHead', num_classes=10, in_channels=8 * width, loss=dict(type='CrossEntropyLoss'))
    return dict(
        type='ImageClassifier',
        data_preprocessor=dict(mean=[127.5] * 3, std=[64.0] * 3),
        backbone=backbone,
        neck=dict(type='GlobalAveragePooling'),
        head=head,
    )


def external_teacher_step(student: int, teacher: int, rounds: int) -> Target:
    """Time of a step with soft targets, relative to a plain step and the forward pass of the teacher together."""
    init_default_scope('mmpretrain')
    plain, alone = MODELS.build(classifier(student)).train(), MODELS.build(classifier(teacher)).eval()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder, 'teacher.pth')
        torch.save(dict(state_dict=alone.state_dict()), checkpoint)
        config = dict(
            type='mmkd.Distiller',
            student=classifier(student),
            teacher=dict(config=classifier(teacher), checkpoint=str(checkpoint)),
            methods=dict(logit_kd=dict(type='mmkd.LogitKD')),
        )
        distilled = MODELS.build(config).train()
    batch = _batch()
    step, plain_step = _training_step(distilled, batch), _training_step(plain, batch)

    def both() -> None:
        plain_step()
        with torch.no_grad():
            alone(alone.data_preprocessor(batch)['inputs'])

    ratio, own, other = median_ratio(step, both, rounds)
    details = f'ResNet-18, width {student} from {teacher}, {BATCH} images: {1000 * own:.0f} ms, {1000 * other:.0f} ms'
    name = 'time of a step with a teacher, relative to a plain step and the forward pass of the teacher'
    return Target(name, 1.03, ratio, details)


def _batch() -> dict[str, list]:
    torch.manual_seed(0)
    images = [torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8) for _ in range(BATCH)]
    return dict(inputs=images, data_samples=[DataSample().set_gt_label(number % 10) for number in range(BATCH)])


def _training_step(model: nn.Module, batch: dict[str, list]) -> Any:
    # a rate of 0: every step does all its work and starts from the same weights
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9))
    return lambda: model.train_step(batch, optimizer)
