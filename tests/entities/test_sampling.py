import torch
from mmengine.logging import MessageHub

from mmkd.entities import balanced_sample, generator_of_step, represented


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_everything_is_taken_where_it_fits():
    assert balanced_sample(torch.tensor([3, 1, 1]), 3, generator()).tolist() == [0, 1, 2]


def test_classes_are_served_in_turns():
    labels = torch.tensor([0] * 90 + [1] * 8 + [2] * 2)
    drawn = balanced_sample(labels, 20, generator())
    assert labels[drawn].bincount().tolist() == [10, 8, 2]
    assert drawn.tolist() == sorted(set(drawn.tolist()))


def test_every_class_gets_one_and_draws_differ():
    labels = torch.arange(6).repeat_interleave(50)
    draws = [balanced_sample(labels, 6, generator(seed)) for seed in range(2)]
    assert all(labels[drawn].tolist() == list(range(6)) for drawn in draws)
    assert not torch.equal(*draws)


def test_weights_make_a_mean_of_the_drawn_one_over_all():
    labels = torch.tensor([0] * 90 + [1] * 10)
    drawn = balanced_sample(labels, 20, generator())
    weights = represented(labels, drawn)
    assert weights.sum() == 100
    values = labels[drawn].float()
    torch.testing.assert_close((weights * values).sum() / weights.sum(), labels.float().mean())


def test_the_generator_follows_from_seed_and_iteration():
    torch.manual_seed(3)
    first, again = (torch.rand(1, generator=generator_of_step()) for _ in range(2))
    state = torch.get_rng_state()
    MessageHub.get_current_instance().update_info('iter', 1)
    later = torch.rand(1, generator=generator_of_step())
    torch.manual_seed(4)
    other = torch.rand(1, generator=generator_of_step())
    assert torch.equal(first, again) and len({first.item(), later.item(), other.item()}) == 3
    torch.manual_seed(3)
    assert torch.equal(state, torch.get_rng_state())
