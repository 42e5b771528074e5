from mmengine.config import ConfigDict

from mmkd.profiling.loop import without_workers


def test_a_loader_without_workers():
    config = ConfigDict(batch_size=4, num_workers=2, persistent_workers=True, prefetch_factor=3)
    assert without_workers(config) == dict(batch_size=4, num_workers=0, persistent_workers=False)
    assert config.num_workers == 2
