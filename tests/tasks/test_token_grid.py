import pytest
import torch

from mmkd.tasks import task_of
from mmkd.tasks.token_grid import TokenGrid
from tests.students import build, classification_batch, classifier
from tests.tasks.hear import hear
from tests.transformers import transformer

KINDS = ['VisionTransformer', 'DistilledVisionTransformer']


def block_output(model, images):
    """What the last block of a transformer gives, all tokens included."""
    heard = []
    handle = model.backbone.layers[-1].register_forward_hook(lambda module, args, output: heard.append(output))
    with torch.no_grad():
        model.extract_feat(images)
    handle.remove()
    return heard[0]


@pytest.mark.parametrize('kind, extra', [('VisionTransformer', 1), ('DistilledVisionTransformer', 2)])
def test_patch_tokens_lie_where_their_patches_do(kind, extra):
    model = build(transformer(kind), 'mmpretrain').eval()
    batch = classification_batch()
    task, record = hear(model, batch, ['tokens'])
    (level,) = task.features(record, 'tokens')
    tokens = block_output(model, batch[0])
    assert tokens.shape == (4, extra + 16, 16) and level.shape == (4, 16, 4, 4)
    for row in range(4):
        for column in range(4):
            torch.testing.assert_close(level[:, :, row, column], tokens[:, extra + 4 * row + column])


@pytest.mark.parametrize('kind', KINDS)
def test_a_changed_patch_changes_its_own_token_most(kind):
    model = build(transformer(kind), 'mmpretrain').eval()
    images, samples = classification_batch()
    changed = images.clone()
    changed[:, :, 8:16, 24:32] += 5  # row 1, column 3
    maps = []
    for batch in (images, changed):
        task, record = hear(model, (batch, samples), ['tokens'])
        maps.append(task.features(record, 'tokens')[0])
    difference = (maps[1] - maps[0]).norm(dim=1).mean(dim=0)
    assert difference.argmax() == 1 * 4 + 3


@pytest.mark.parametrize('backbone', [
    dict(out_type='featmap'),
    dict(out_type='avg_featmap'),
    dict(out_type='avg_featmap', with_cls_token=False),
])
def test_tokens_do_not_depend_on_what_the_backbone_hands_on(backbone):
    config = transformer(**backbone)
    if 'avg' in backbone['out_type']:
        config.head = dict(type='LinearClsHead', num_classes=5, in_channels=16)
    else:
        config.neck = dict(type='GlobalAveragePooling')
        config.head = dict(type='LinearClsHead', num_classes=5, in_channels=16)
    model = build(config, 'mmpretrain')
    task, record = hear(model, classification_batch(), ['tokens'])
    assert task.features(record, 'tokens')[0].shape == (4, 16, 4, 4)
    assert task.feature_shapes(model, 'tokens') == [(16, 4, 4)]


@pytest.mark.parametrize('kind', KINDS)
def test_other_images_than_the_transformer_was_made_for_are_refused(kind):
    model = build(transformer(kind), 'mmpretrain')
    images, samples = classification_batch()
    task, record = hear(model, (images.repeat(1, 1, 2, 1), samples), ['tokens'])
    with pytest.raises(ValueError, match=r'tokens, but . [+] 4 x 4 were expected of its img_size'):
        task.features(record, 'tokens')


def test_a_cnn_has_its_deepest_map_for_tokens():
    model = build(classifier(), 'mmpretrain')
    assert TokenGrid.of(model.backbone) is None
    task, record = hear(model, classification_batch(), ['tokens', 'backbone'])
    assert torch.equal(task.features(record, 'tokens')[0], task.features(record, 'backbone')[-1])
    assert task_of(model).feature_shapes(model, 'tokens') == [(64, 8, 8)]
