import pytest

from mmkd.engine.device import use_device, without_sync_bn


def test_sync_bn_becomes_bn_everywhere():
    config = dict(backbone=dict(norm_cfg=dict(type='SyncBN', eps=1e-3)), heads=[dict(norm_cfg=dict(type='SyncBN'))])
    assert without_sync_bn(config) == dict(
        backbone=dict(norm_cfg=dict(type='BN', eps=1e-3)), heads=[dict(norm_cfg=dict(type='BN'))]
    )


def test_a_missing_gpu_is_explained(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert use_device(None) == 'cpu'
    with pytest.raises(ValueError, match='torch sees no GPU here'):
        use_device('cuda')
