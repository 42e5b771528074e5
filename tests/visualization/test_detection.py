import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmkd.visualization.detection import DetectionPainter

IMAGE = np.zeros((40, 60, 3), np.uint8)
CLASSES, PALETTE = ['cat', 'a dog of a long name'], [(255, 0, 0), (0, 0, 255)]


def boxes(numbers, labels, **more):
    return InstanceData(bboxes=torch.tensor(numbers).float().view(-1, 4), labels=torch.tensor(labels).long(), **more)


def sample(scale=(2.0, 4.0), **instances):
    return DetDataSample(metainfo=dict(scale_factor=scale), **instances)


TRUTH = sample(gt_instances=boxes([[1, 1, 10, 5]], [1]))
FOUND = boxes([[1, 1, 9, 5], [2, 2, 20, 9], [0, 0, 5, 5]], [0, 1, 1], scores=torch.tensor([0.4, 0.9, 0.1]))


def painted(truth=TRUTH, found=FOUND, **options):
    return DetectionPainter(CLASSES, PALETTE, **options).paint(IMAGE, truth, dict(net=sample(pred_instances=found)))


def test_boxes_are_scaled_to_the_image_that_the_network_saw():
    _, truth, prediction = painted()
    assert truth.boxes.tolist() == [[2, 4, 20, 20]]
    assert prediction.boxes.tolist() == [[4, 8, 40, 36], [2, 4, 18, 20]]


def test_names_scores_and_colours_with_the_most_certain_first():
    picture, truth, prediction = painted()
    assert [text[0] for text in truth.texts] == ['a dog of a long name']
    assert [text[0] for text in prediction.texts] == ['a dog of a long name 0.90', 'cat 0.40']
    assert prediction.texts[0][1] == 'a dog of… 0.90'
    assert prediction.colors == [[0, 0, 1], [1, 0, 0]]
    assert (truth.note, prediction.note) == ('1 box', '2 boxes ≥ 0.3')
    assert prediction.counts == {0: 1, 1: 1} and picture.title == 'input'


def test_the_threshold_can_be_set_and_says_what_it_hides():
    assert len(painted(score_threshold=0.05)[2].boxes) == 3
    hidden = painted(score_threshold=0.95)[2]
    assert len(hidden.boxes) == 0 and hidden.note == 'no boxes ≥ 0.95, the best has 0.90'


def test_of_a_crowd_the_best_boxes_are_drawn():
    crowd = boxes([[1, 1, 9, 5]] * 150, [0] * 150, scores=torch.linspace(0.5, 0.9, 150))
    picture = painted(found=crowd)[2]
    assert len(picture.boxes) == 100 and picture.note == '150 boxes ≥ 0.3, the best 100 drawn'
    assert picture.texts[0][0] == 'cat 0.90' and picture.texts[-1][0] == 'cat 0.63'


def test_images_without_boxes_are_drawn():
    nothing = boxes([], [], scores=torch.zeros(0))
    pictures = painted(sample(gt_instances=boxes([], [])), nothing)
    assert [picture.note for picture in pictures] == ['', 'no boxes', 'no boxes ≥ 0.3']
    for picture in pictures:
        axis = Figure().subplots()
        picture.draw(axis)
        assert not axis.patches


def test_boxes_beyond_the_image_do_not_change_its_limits():
    axis = Figure().subplots()
    painted(sample(gt_instances=boxes([[-20, -20, 90, 90]], [0])))[1].draw(axis)
    assert axis.get_xlim() == (0, 60) and axis.get_ylim() == (40, 0) and len(axis.patches) == 1


def test_no_boxes_loaded_is_not_an_image_without_boxes():
    painter = DetectionPainter(CLASSES, PALETTE)
    unlabelled = sample(gt_instances=InstanceData())
    assert not painter.has_truth(unlabelled) and painter.has_truth(sample(gt_instances=boxes([], [])))
    with pytest.raises(ValueError, match="no boxes for 'x': add LoadAnnotations"):
        painter.require_truth(unlabelled, 'x')
