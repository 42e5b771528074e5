import torch

from mmkd.entities import class_prototypes
from mmkd.losses.pixel_to_region import PixelToRegionLoss, pixel_to_region_loss
from tests import reference
from tests.losses.common import check_compile, normal


def recorded():
    method = reference.load('mlkd')['method']
    case = method['class_prototypes']
    given = {name: torch.tensor(value) for name, value in case['inputs'].items()}
    labels = next(value for name, value in given.items() if 'label' in name)
    return case, given['feat_student'].double(), given['feat_teacher'].double(), labels, labels != 255, method


def test_the_recorded_prototypes():
    case, student, teacher, labels, valid, _ = recorded()
    for name, features in (('student', student), ('teacher', teacher)):
        rows, classes, images = class_prototypes(features, labels, valid)
        torch.testing.assert_close(rows, torch.tensor(case[name], dtype=torch.float64))
        assert classes.tolist() == case['labels'] and images.tolist() == case['image']


def test_the_recorded_similarity_of_pixels_to_regions():
    _, student, teacher, labels, valid, method = recorded()
    regions = class_prototypes(teacher, labels, valid)[0]
    own, other = (maps.permute(0, 2, 3, 1)[valid] for maps in (student, teacher))
    value = pixel_to_region_loss(own, other, regions)
    torch.testing.assert_close(value.item(), method['pixel_to_region']['value'], rtol=1e-8, atol=0.0)


def test_what_is_not_valid_reaches_neither_means_nor_gradients():
    features = torch.randn(1, 2, 1, 4, dtype=torch.float64)
    features[..., 3] = float('nan')
    features.requires_grad_()
    valid = torch.tensor([[[True, True, True, False]]])
    rows, classes, images = class_prototypes(features, torch.tensor([[[1, 1, 0, 0]]]), valid)
    assert classes.tolist() == [0, 1] and images.tolist() == [0, 0]
    torch.testing.assert_close(rows[1], features[0, :, 0, :2].mean(1))
    rows.sum().backward()
    assert features.grad[..., 3].eq(0).all() and features.grad.isfinite().all()


def test_no_valid_position_gives_no_region():
    features = torch.randn(2, 3, 4, 4, requires_grad=True)
    labels = torch.zeros(2, 4, 4, dtype=torch.long)
    rows, classes, images = class_prototypes(features, labels, labels > 0)
    assert rows.shape == (0, 3) and rows.requires_grad and len(classes) == len(images) == 0


def test_compile_in_one_graph():
    check_compile(PixelToRegionLoss(loss_weight=0.5), normal(4, 3), normal(4, 3, seed=1), normal(2, 3, seed=2))
