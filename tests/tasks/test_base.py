import torch

from mmkd.tasks import task_of
from tests.students import build, segmentor


def test_asking_for_channels_leaves_the_student_as_it_was():
    model = build(segmentor())
    model.train()
    model.backbone.layer1.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    task_of(model).feature_channels(model, 'backbone')
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training and not model.backbone.layer1.training and model.backbone.layer2.training
    assert torch.equal(torch.get_rng_state(), state)
