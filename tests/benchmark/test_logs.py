import json

import pytest

from mmkd.benchmark.logs import find_checkpoint, read_history, read_test_metrics, tail


def write_scalars(folder, name, lines):
    file = folder / name / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('\n'.join(line if isinstance(line, str) else json.dumps(line) for line in lines))


def train(iteration, time, **more):
    return {'lr': 0.1, 'loss': 1.0, 'time': time, 'iter': iteration, 'step': iteration, **more}


def test_seconds_weigh_each_line_by_its_iterations(tmp_path):
    write_scalars(
        tmp_path, '1', [train(10, 0.5), {'mIoU': 20.0, 'time': 0.1, 'step': 10}, train(30, 0.2), train(35, 1.0)]
    )
    history = read_history(tmp_path)
    assert history.iterations == history.step == 35
    assert history.seconds() == pytest.approx(5 + 4 + 5)
    assert history.seconds(20) == pytest.approx(5 + 2)
    assert history.val == [(10, 10, {'mIoU': 20.0})]


def test_what_a_resumed_training_did_again_counts_once(tmp_path):
    write_scalars(tmp_path, '1', [train(10, 1.0), {'mIoU': 1.0, 'step': 10}, train(20, 1.0), {'mIoU': 2.0, 'step': 20}])
    write_scalars(tmp_path, '2', [train(20, 3.0), {'mIoU': 5.0, 'step': 20}, train(30, 3.0), '{"lr": 0.1, "it'])
    history = read_history(tmp_path)
    assert [line[0] for line in history.train] == [10, 20, 30] and history.seconds() == pytest.approx(10 + 30 + 30)
    assert [(step, metrics['mIoU']) for step, _, metrics in history.val] == [(10, 1.0), (20, 5.0)]


def test_epochs_are_placed_at_their_last_iteration(tmp_path):
    write_scalars(
        tmp_path,
        '1',
        [
            train(50, 1.0, epoch=1, memory=70),
            {'accuracy/top1': 9.0, 'step': 1},
            train(100, 1.0, epoch=2, memory=90),
            {'accuracy/top1': 11.0, 'step': 2},
        ],
    )
    history = read_history(tmp_path)
    assert history.step == 2 and history.iterations == 100 and history.memory == 90
    assert [(step, iteration) for step, iteration, _ in history.val] == [(1, 50), (2, 100)]


def test_epochs_whose_end_is_not_logged(tmp_path):
    # 78 iterations an epoch, logged at 50 of each: epochs end at 78 and 156
    lines = [
        train(50, 1.0, epoch=1),
        {'accuracy/top1': 9.0, 'step': 1},
        train(128, 1.0, epoch=2),
        {'accuracy/top1': 11.0, 'step': 2},
    ]
    write_scalars(tmp_path, '1', lines)
    history = read_history(tmp_path)
    assert history.epoch_length == 78 and [line[:2] for line in history.val] == [(1, 78), (2, 156)]
    assert history.iterations == 156 and history.seconds() == pytest.approx(156) and history.progress == 2.0
    # in the middle of the third epoch
    write_scalars(tmp_path, '2', [train(206, 1.0, epoch=3)])
    history = read_history(tmp_path)
    assert history.iterations == 206 and history.progress == pytest.approx(206 / 78) and history.step == 3


def test_progress_before_the_length_of_an_epoch_is_known(tmp_path):
    write_scalars(tmp_path, '1', [train(50, 1.0, epoch=1)])
    history = read_history(tmp_path)
    assert history.epoch_length is None and history.progress == 1


@pytest.mark.parametrize('step', [(1, 2), (50, 100)])
def test_an_epoch_is_found_whatever_its_validation_is_logged_by(tmp_path, step):
    lines = [train(50, 1.0, epoch=1), {'a/b': 9.0, 'step': step[0]}]
    lines += [train(100, 1.0, epoch=2), {'a/b': 8.0, 'step': step[1]}]
    write_scalars(tmp_path, '1', lines)
    history = read_history(tmp_path)
    for name, value in (('epoch_1.pth', 9.0), ('best_a_b_epoch_2.pth', 8.0), ('iter_100.pth', 8.0)):
        assert history.metrics_of(tmp_path / name) == {'a/b': value}
    assert history.metrics_of(tmp_path / 'epoch_3.pth') == {}


def test_an_iteration_is_found_where_validations_are_logged_by_epoch(tmp_path):
    lines = [train(50, 1.0), {'a/b': 9.0, 'step': 0}, train(100, 1.0), {'a/b': 8.0, 'step': 0}]
    write_scalars(tmp_path, '1', lines)
    history = read_history(tmp_path)
    assert history.val == [(50, 50, {'a/b': 9.0}), (100, 100, {'a/b': 8.0})]
    assert history.metrics_of(tmp_path / 'iter_100.pth') == {'a/b': 8.0}


def test_no_log_is_an_empty_history(tmp_path):
    history = read_history(tmp_path)
    assert (history.step, history.iterations, history.seconds(), history.memory, history.val) == (0, 0, 0.0, None, [])


def test_newest_test_metrics_without_times(tmp_path):
    for name, value in (('20260101_000000', 1.0), ('20260102_000000', 2.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f'{name}.json').write_text(
            json.dumps({'test/mIoU': value, 'time': 0.1, 'data_time': 0.1, 'names': ['a']})
        )
    assert read_test_metrics(tmp_path) == {'mIoU': 2.0}
    with pytest.raises(FileNotFoundError, match='wrote no metrics'):
        read_test_metrics(tmp_path / 'none')


def test_last_and_best_checkpoint(tmp_path):
    for name in (
        'iter_90.pth',
        'iter_100.pth',
        'best_mIoU_iter_90.pth',
        'best_mIoU_iter_100.pth',
        'best_coco_bbox_mAP_epoch_3.pth',
        'best_coco_bbox_mAP_50_epoch_5.pth',
        'best_accuracy_top1_epoch_4.pth',
    ):
        (tmp_path / name).touch()
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/iter_90.pth')
    assert find_checkpoint(tmp_path, 'last', 'mIoU') == (tmp_path / 'iter_90.pth', 90)
    assert find_checkpoint(tmp_path, 'best', 'mIoU') == (tmp_path / 'best_mIoU_iter_100.pth', 100)
    assert find_checkpoint(tmp_path, 'best', 'coco/bbox_mAP') == (tmp_path / 'best_coco_bbox_mAP_epoch_3.pth', 3)
    found = find_checkpoint(tmp_path, 'best', 'coco/bbox_mAP_50')
    assert found == (tmp_path / 'best_coco_bbox_mAP_50_epoch_5.pth', 5)
    assert find_checkpoint(tmp_path, 'best', 'accuracy/top1') == (tmp_path / 'best_accuracy_top1_epoch_4.pth', 4)
    with pytest.raises(FileNotFoundError, match=r'best_mAcc_.*save_best'):
        find_checkpoint(tmp_path, 'best', 'mAcc')
    (tmp_path / 'iter_90.pth').unlink()
    with pytest.raises(FileNotFoundError, match='no last_checkpoint'):
        find_checkpoint(tmp_path, 'last', 'mIoU')


def test_tail_skips_blank_lines(tmp_path):
    (tmp_path / 'log').write_text('a\n\nb\nc\n\n')
    assert tail(tmp_path / 'log', 2) == ['b', 'c'] and tail(tmp_path / 'none', 2) == []


def test_a_validation_after_the_last_line_tells_how_long_was_trained(tmp_path):
    write_scalars(tmp_path, '1', [train(50, 1.0), train(100, 1.0), {'mIoU': 9.0, 'step': 120}])
    history = read_history(tmp_path)
    assert (history.iterations, history.trained_iterations) == (100, 120)
