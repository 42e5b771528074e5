import torch
from torch import nn

from mmkd.networks.convs import BatchNorm


def test_a_single_position_is_normalised_by_the_running_statistics():
    norm = BatchNorm(2)
    norm.running_mean.copy_(torch.tensor([1.0, -1.0]))
    norm.running_var.copy_(torch.tensor([4.0, 0.25]))
    feat = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1).requires_grad_()
    result = norm(feat)
    torch.testing.assert_close(result.flatten(), torch.tensor([1.0, 2.0]), rtol=1e-4, atol=0)
    result.sum().backward()
    torch.testing.assert_close(feat.grad.flatten(), torch.tensor([0.5, 2.0]), rtol=1e-4, atol=0)
    assert norm.running_mean.tolist() == [1.0, -1.0]


def test_several_positions_are_normalised_as_usual():
    ours, usual = BatchNorm(3), nn.BatchNorm2d(3)
    for shape in ((2, 3, 1, 1), (1, 3, 2, 1), (4, 3, 5, 5)):
        feat = torch.randn(shape)
        assert torch.equal(ours(feat), usual(feat))
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in usual.state_dict().items())
