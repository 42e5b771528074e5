import pytest
import torch

from mmkd.tokens import draw

CPU = torch.device('cpu')


def numbered(images, tokens):
    """Tokens (N, P, 1) that are their own number in the batch."""
    return torch.arange(images * tokens).reshape(images, tokens, 1)


def test_different_tokens_of_every_image_are_drawn():
    drawn = draw(5, 20, 8, 2048, None, CPU).of_batch(numbered(5, 20)).flatten().tolist()
    assert len(set(drawn)) == 40
    assert [sum(number // 20 == image for number in drawn) for image in range(5)] == [8] * 5


def test_every_token_of_an_image_with_few_is_drawn():
    sample = draw(2, 3, 8, 2048, None, CPU)
    assert sorted(sample.of_batch(numbered(2, 3)).flatten().tolist()) == list(range(6))


def test_all_tokens_are_drawn_equally_often():
    times = torch.zeros(12)
    for _ in range(300):
        times[draw(1, 12, 4, 2048, None, CPU).positions] += 1
    assert times.min() > 60 and times.max() < 140  # 100 expected, with a standard deviation of 8


@pytest.mark.parametrize('images, per_image, maximum, count', [(4, 8, 2048, 32), (4, 8, 12, 12), (4, 8, 15, 12)])
def test_the_maximum_is_shared_by_the_images(images, per_image, maximum, count):
    assert len(draw(images, 20, per_image, maximum, None, CPU).of_batch(numbered(images, 20))) == count


@pytest.mark.parametrize('masked', [False, True])
def test_more_images_than_tokens_may_be_drawn(masked):
    valid = torch.ones(9, 4, dtype=torch.bool) if masked else None
    drawn = draw(9, 4, 8, 5, valid, CPU).of_batch(numbered(9, 4)).flatten() // 4
    assert len(drawn.unique()) == 5


def test_what_does_not_count_is_never_drawn():
    valid = torch.zeros(3, 10, dtype=torch.bool)
    valid[0, :6], valid[1, 7] = True, True
    for _ in range(20):
        drawn = draw(3, 10, 4, 2048, valid, CPU).of_batch(numbered(3, 10)).flatten().tolist()
        assert len(drawn) == 5 and set(drawn) <= {0, 1, 2, 3, 4, 5, 17} and 17 in drawn


def test_the_same_positions_are_taken_of_all_networks():
    sample = draw(2, 9, 3, 2048, None, CPU)
    wide = numbered(2, 9).expand(-1, -1, 5)
    assert torch.equal(sample.of_batch(wide)[:, :1], sample.of_batch(numbered(2, 9)))
    assert torch.equal(sample.of_images(wide).flatten(0, 1), sample.of_batch(wide))


def test_it_follows_the_generator_of_torch():
    def drawn():
        return draw(2, 50, 8, 2048, None, CPU).positions

    torch.manual_seed(1)
    first, second = drawn(), drawn()
    torch.manual_seed(1)
    assert torch.equal(drawn(), first) and not torch.equal(first, second)


def test_nothing_is_drawn_of_nothing():
    assert draw(2, 0, 8, 2048, None, CPU).of_batch(torch.zeros(2, 0, 3)).shape == (0, 3)
    assert draw(0, 5, 8, 2048, None, CPU).of_batch(torch.zeros(0, 5, 3)).shape == (0, 3)
