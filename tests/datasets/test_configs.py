"""The dataset configs, read by the toolboxes' own classes."""
import pathlib

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, METRICS, init_default_scope

from mmkd.host_libraries import installed_versions

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPLITS = ('train', 'val', 'test')
SCOPES = dict(
    demo_segmentation='mmseg', demo_detection='mmdet', demo_classification='mmpretrain', camvid='mmseg', bccd='mmdet')
INSTALLED = [distribution for _, distribution, _ in installed_versions()]
STUDENTS = ['plain/fpn_r18w16_demo-64x64.py', 'plain/fpn_r18w16_camvid-128x96.py']


def dataset(name, split, data_root):
    cfg = Config.fromfile(ROOT / 'configs' / '_base_' / 'datasets' / f'{name}.py')[f'{split}_dataloader'].dataset
    pytest.importorskip(f'{SCOPES[name]}.datasets')
    init_default_scope(SCOPES[name])
    return DATASETS.build({**cfg, 'data_root': str(data_root)})


@pytest.mark.parametrize('split', SPLITS)
def test_mmseg_reads_the_demo_data(demo, split):
    data = dataset('demo_segmentation', split, demo)
    assert len(data) == {'train': 40, 'val': 20, 'test': 20}[split]
    for index in range(5):
        sample = data[index]
        truth = sample['data_samples'].gt_sem_seg.data
        assert sample['inputs'].shape[1:] == truth.shape[1:] and max(truth.shape) <= 64
        assert set(truth.unique().tolist()) <= {*range(11), 255}
    assert len(data.metainfo['palette']) == len(data.metainfo['classes']) == 11


@pytest.mark.parametrize('split', SPLITS)
def test_mmdet_reads_the_demo_data(demo, split):
    data = dataset('demo_detection', split, demo)
    assert len(data) == {'train': 40, 'val': 20, 'test': 20}[split]
    for index in range(5):
        sample = data[index]
        truth = sample['data_samples'].gt_instances
        height, width = sample['inputs'].shape[1:]
        boxes = truth.bboxes.numpy() if hasattr(truth.bboxes, 'numpy') else truth.bboxes.tensor.numpy()
        assert len(boxes) and truth.labels.max() < 10
        assert (boxes >= 0).all() and (boxes[:, 2] <= max(width, 64)).all() and (boxes[:, 3] <= max(height, 64)).all()


@pytest.mark.parametrize('split', SPLITS)
def test_mmpretrain_reads_the_demo_data(demo, split):
    data = dataset('demo_classification', split, demo / 'classification')
    assert len(data) == {'train': 40, 'val': 20, 'test': 20}[split]
    assert list(data.CLASSES) == [str(label) for label in range(10)]
    for index in range(5):
        sample = data[index]
        assert sample['inputs'].shape == (3, 32, 32)
        folder = pathlib.Path(data.get_data_info(index)['img_path']).parent.name
        assert sample['data_samples'].gt_label.item() == int(folder)


@pytest.mark.parametrize('split', SPLITS)
def test_camvid_reads_its_split(split):
    root = ROOT / 'data' / 'camvid'
    if not root.is_dir():
        pytest.skip('CamVid is absent from data/camvid')
    data = dataset('camvid', split, root)
    assert len(data) == {'train': 367, 'val': 101, 'test': 233}[split]
    assert f'{split}' in data.get_data_info(0)['img_path'].split('/')
    seen = set()
    for index in range(0, len(data), len(data) // 10):
        sample = data[index]
        seen |= set(np.unique(sample['data_samples'].gt_sem_seg.data.numpy()).tolist())
        if split == 'train':
            assert sample['inputs'].shape[1] <= 96 and sample['inputs'].shape[2] <= 128
        else:
            assert sample['inputs'].shape == (3, 120, 160)
            assert sample['data_samples'].gt_sem_seg.data.shape == (1, 360, 480)
    assert {0, 1, 3} <= seen <= {*range(11), 255}


@pytest.mark.parametrize('split', SPLITS)
def test_bccd_reads_its_split(split):
    root = ROOT / 'data' / 'bccd'
    if not root.is_dir():
        pytest.skip('BCCD is absent from data/bccd')
    data = dataset('bccd', split, root)
    assert len(data) == {'train': 205, 'val': 87, 'test': 72}[split]
    seen = set()
    for index in range(0, len(data), 8):
        sample = data[index]
        truth, (height, width) = sample['data_samples'].gt_instances, sample['inputs'].shape[1:]
        seen |= {data.metainfo['classes'][label] for label in truth.labels.tolist()}
        if split == 'train':
            assert height <= 300 and width <= 240
            boxes = truth.bboxes.tensor
            assert (boxes >= 0).all() and boxes[:, 2].max() <= width and boxes[:, 3].max() <= height
        else:
            assert (height, width) == (240, 320)
    assert seen == {'RBC', 'WBC', 'Platelets'}


@pytest.mark.parametrize('name', SCOPES)
def test_each_split_reads_its_own_files_and_has_a_metric(name):
    pytest.importorskip(f'{SCOPES[name]}.evaluation')
    cfg = Config.fromfile(ROOT / 'configs' / '_base_' / 'datasets' / f'{name}.py')
    init_default_scope(SCOPES[name])
    for split in SPLITS:
        source = cfg[f'{split}_dataloader'].dataset
        text = f'{source.data_prefix} {source.get("ann_file", "")}'
        assert [other for other in SPLITS if other in text] == [split]
    for split in ('val', 'test'):
        evaluator = cfg[f'{split}_evaluator']
        assert METRICS.get(f'{SCOPES[name]}.{evaluator.type}') is not None
        assert split in evaluator.get('ann_file', split)


@pytest.mark.parametrize('name', STUDENTS)
def test_plain_students_train_and_validate_with_mmsegs_runner(demo, name, tmp_path):
    pytest.importorskip('mmseg')
    from mmengine.runner import Runner
    cfg = Config.fromfile(ROOT / 'configs' / name)
    if 'class_weight' in cfg.model.decode_head.loss_decode and 'mmsegmentation' in INSTALLED:
        pytest.skip('the cross entropy of mmsegmentation 1.2.2 cannot weigh classes where pixels are void')
    base = Config.fromfile(ROOT / 'configs' / '_base_' / 'datasets' / 'demo_segmentation.py')
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[key] = base[key]
        cfg[key].dataset.data_root = str(demo)
    cfg.merge_from_dict(dict(
        work_dir=str(tmp_path), train_cfg=dict(max_iters=2, val_interval=2), param_scheduler=dict(total_steps=2),
        model=dict(data_preprocessor=dict(size=(64, 64))), log_level='ERROR'))
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert 0 <= runner.message_hub.get_scalar('val/mIoU').current() <= 100
    assert (tmp_path / 'iter_2.pth').is_file() and list(tmp_path.glob('best_mIoU*.pth'))
    assert sum(parameter.numel() for parameter in runner.model.parameters()) == 1_125_083


@pytest.mark.parametrize('name, metric, parameters', [
    ('gfl_r18w16_demo-128x128', 'coco/bbox_mAP', 927_937), ('resnet18-w16_demo-32x32', 'accuracy/top1', 700_242)])
def test_plain_students_of_other_tasks_train_and_validate(demo, name, metric, parameters, tmp_path, monkeypatch):
    from mmengine.runner import Runner
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'demo').symlink_to(demo)
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(ROOT / 'configs' / 'plain' / f'{name}.py')
    cfg.merge_from_dict(dict(
        work_dir=str(tmp_path / 'work'), train_cfg=dict(max_iters=2, val_interval=2),
        param_scheduler=dict(total_steps=2), log_level='ERROR'))
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.message_hub.get_scalar(f'val/{metric}').current() is not None
    assert (tmp_path / 'work' / 'iter_2.pth').is_file()
    assert sum(parameter.numel() for parameter in runner.model.parameters()) == parameters
