"""Data that real pipelines hand over: images without boxes, batches of one image, padded batches."""

import math

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils._pytree import tree_leaves, tree_map

from tests.detectors import tiny_detector
from tests.random_data import write_segmentation
from tests.runs import config_of, train
from tests.students import FRSKDS, STUDENTS, distilling

IN_ORDER = {'train_dataloader.sampler.shuffle': False}
ONE_IMAGE = {'train_dataloader.batch_size': 1, **IN_ORDER}
TERMS = ('teacher', 'logit', 'feature')


class Listen(Hook):
    """Keeps the log and the data samples of every iteration."""

    def __init__(self):
        self.heard = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        losses = {key.rpartition('loss_')[2]: value for key, value in outputs.items() if key.startswith('distill.')}
        self.heard.append((losses, data_batch['data_samples']))


def listened(config):
    listen = Listen()
    runner = train(config, listen)
    assert all(parameter.isfinite().all() for parameter in runner.model.parameters())
    return runner, listen.heard


@pytest.mark.parametrize('name', ['retinanet', 'gfl', 'faster_rcnn'])
def test_images_without_boxes_train_all_but_the_knowledge_of_boxes(tmp_path, name):
    model = distilling(tiny_detector(name), dict(frskd=dict(FRSKDS['detection'], box_weight=1.0)))
    runner, (empty, boxed) = listened(config_of(tmp_path, model, max_iters=2, task='detection', **ONE_IMAGE))
    assert len(runner.train_dataloader.dataset) == 6
    assert [len(sample.gt_instances) for _, (sample,) in (empty, boxed)] == [0, 1]
    for losses, _ in (empty, boxed):
        assert all(0 < losses[term] < math.inf for term in TERMS)
    assert empty[0]['box'] == 0 and 0 < boxed[0]['box'] < math.inf


@pytest.mark.parametrize('task', list(STUDENTS))
def test_a_batch_may_be_one_image(tmp_path, task):
    student, changes = STUDENTS[task](), dict(ONE_IMAGE)
    if task == 'segmentation':
        # batch norm of the plain student refuses one image of 32x32, of which its last stage keeps one position
        write_segmentation(tmp_path, sizes=((72, 72),))
        student.data_preprocessor.size = (64, 64)
        changes['train_dataloader.dataset.pipeline.2.crop_size'] = (64, 64)
    model = distilling(student, dict(frskd=dict(FRSKDS[task])))
    _, heard = listened(config_of(tmp_path, model, max_iters=2, task=task, **changes))
    for losses, samples in heard:
        assert len(samples) == 1
        assert all(0 < losses[term] < math.inf for term in TERMS)


def padded_segmentation(root):
    """Images of 40x40 and 24x32 in batches of 48x48."""
    write_segmentation(root, sizes=((40, 40), (24, 32)))
    student = STUDENTS['segmentation']()
    student.data_preprocessor.size = (48, 48)
    student.decode_head.dropout_ratio = 0.0
    config = config_of(root, distilling(student, dict(frskd=dict(FRSKDS['segmentation']))), **IN_ORDER)
    config.train_dataloader.dataset.pipeline = config.val_dataloader.dataset.pipeline
    return config, [(40, 40), (24, 32)], (48, 48), 'backbone', 'decode_head.conv_seg'


def padded_detection(root):
    """Images of 64x64 and 48x64 in batches of 64x64."""
    model = distilling(STUDENTS['detection'](), dict(frskd=dict(FRSKDS['detection'])))
    config = config_of(root, model, task='detection', **IN_ORDER)
    return config, [(64, 64), (48, 64)], (64, 64), 'neck', 'bbox_head'


PADDED = dict(segmentation=padded_segmentation, detection=padded_detection)


def cut(model, path):
    """Make the tensors that a module gives leaves of the graph; they are in the list after a forward pass."""
    leaves = []

    def replace(module, arguments, output):
        output = tree_map(lambda level: level.detach().requires_grad_(), output)
        leaves[:] = tree_leaves(output)
        return output

    model.get_submodule(path).register_forward_hook(replace)
    return leaves


def gradients(loss, leaves):
    """What of a loss arrives at the leaves that it depends on, summed over channels (N, H, W)."""
    given = torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
    return [gradient.abs().sum(1) for gradient in given if gradient is not None]


@pytest.mark.parametrize('task', list(PADDED))
def test_padding_of_a_real_pipeline_enters_neither_features_nor_logits_that_are_compared(tmp_path, task):
    config, sizes, batch_size, source, head = PADDED[task](tmp_path)
    runner = Runner.from_cfg(config)
    model = runner.model.train()
    data = model.data_preprocessor(next(iter(runner.train_dataloader)), training=True)
    assert data['inputs'].shape[-2:] == batch_size
    features, logits = cut(model, source), cut(model, head)
    losses = model(**data, mode='loss')
    # to read a logit between two pixels, the one behind the border is read too
    for term, leaves, more in (('feature', features, 0), ('logit', logits, task == 'segmentation')):
        finest, *_ = levels = gradients(losses[f'distill.frskd.loss_{term}'], leaves)
        for level in levels:
            for image, size in zip(level, sizes, strict=True):
                rows, columns = (
                    math.ceil(side * own / whole) + more
                    for side, own, whole in zip(image.shape, size, batch_size, strict=True)
                )
                assert image[rows:].sum() == image[:, columns:].sum() == 0
        assert (finest == 0).any() and (finest[:, :5, :5] > 0).all()
