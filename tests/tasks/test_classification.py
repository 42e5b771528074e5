import torch

from tests.students import build, classification_batch, classifier
from tests.tasks.hear import hear


def test_classification_features_logits_and_targets():
    model = build(classifier(), 'mmpretrain')
    images, samples = classification_batch()
    task, record = hear(model, (images, samples), ['backbone', 'logits'])
    assert [tuple(level.shape[1:]) for level in task.features(record, 'backbone')] == [
        (8, 32, 32),
        (16, 16, 16),
        (32, 8, 8),
        (64, 4, 4),
    ]
    assert task.logits(record).shape == (4, 5)
    assert task.targets(samples).tolist() == [0, 1, 2, 3]
    mixed = [sample.set_gt_score(torch.full((5,), 0.2)) for sample in samples]
    assert task.targets(mixed).shape == (4, 5)
