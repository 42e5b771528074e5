"""Outputs of a teacher as bytes."""

import json
import struct

import pytest
import torch

from mmkd.teachers.packing import Packing, each, stacked, unpack


def through(output, is_logits=False, **packing):
    return unpack(Packing(**packing).pack(output, is_logits))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize('precision', ['float16', 'bfloat16', 'float32'])
def test_values_come_back_rounded_to_the_precision_and_in_their_own_type(dtype, precision):
    values = torch.randn(3, 4, 5).to(dtype)
    found = through(values, precision=precision)
    assert found.dtype == dtype
    assert torch.equal(found, values.to(getattr(torch, precision)).to(dtype))
    assert torch.equal(through(found, precision=precision), found)


def test_lists_tuples_whole_numbers_empty_and_strided_tensors_keep_their_structure():
    strided = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)
    output = ([strided, torch.zeros(0, 4)], (torch.tensor(3.5), torch.tensor([7, -1])), torch.tensor([True, False]))
    found = through(output)
    assert isinstance(found, tuple) and isinstance(found[0], list) and isinstance(found[1], tuple)
    for left, right in zip((*output[0], *output[1], output[2]), (*found[0], *found[1], found[2]), strict=True):
        assert torch.equal(left, right) and left.dtype == right.dtype


def test_what_half_precision_cannot_hold_is_written_in_single():
    values = torch.tensor([1e6, -3.0, 1e-3])
    assert torch.equal(through(values), values)
    strange = torch.tensor([float('inf'), float('-inf'), float('nan')])
    torch.testing.assert_close(through(strange), strange, equal_nan=True)
    assert len(Packing().pack(strange, False)) < len(Packing().pack(values, False))


@pytest.mark.parametrize('shape', [(100,), (19, 6, 5)])
def test_the_probabilities_of_the_classes_kept_are_exact(shape):
    logits = 3 * torch.randn(shape)
    found = through(logits, True, precision='float32', top_k=4)
    kept = logits.topk(4, dim=0).indices
    assert found.shape == logits.shape
    assert torch.equal(found.gather(0, kept), logits.gather(0, kept))
    expected, probability = (values.softmax(0).gather(0, kept) for values in (logits, found))
    torch.testing.assert_close(probability, expected)
    others = found.gather(0, logits.argsort(0, descending=True)[4:])
    assert torch.equal(others, others[:1].expand_as(others))
    assert (others < found.gather(0, kept).amin(0) + 1e-6).all()


def test_in_half_precision_probabilities_are_exact_to_its_rounding_and_take_less_room():
    logits = 3 * torch.randn(1000)
    found = through(logits, True, top_k=10)
    torch.testing.assert_close(found.softmax(0).topk(10).values, logits.softmax(0).topk(10).values, rtol=1e-2, atol=0)
    assert len(Packing(top_k=10).pack(logits, True)) < 300 < 2000 < len(Packing().pack(logits, True))


def test_few_classes_and_features_are_kept_whole():
    logits = torch.randn(5, 2, 2)
    assert torch.equal(through(logits, True, precision='float32', top_k=5), logits)
    assert torch.equal(through(logits, False, precision='float32', top_k=1), logits)


@pytest.mark.parametrize('harm', ['cut', 'longer', 'empty', 'noise', 'lie'])
def test_damaged_bytes_are_noticed(harm):
    data = Packing().pack([torch.randn(3, 4)], False)
    lie = json.dumps([dict(shape=[9, 9], dtype='float32', stored='float16')]).encode()
    harmed = dict(
        cut=data[:-3], longer=data + b'xx', empty=b'', noise=b'\xff' * len(data),
        lie=struct.pack('<I', len(lie)) + lie + data[-24:],
    )[harm]
    with pytest.raises(ValueError, match=f'An output of {len(harmed)} bytes'):
        unpack(harmed)


def test_outputs_of_images_are_stacked_to_those_of_a_batch():
    batch = ([torch.randn(3, 2), torch.randn(3, 1, 4)], torch.arange(3))
    images = [each(batch, lambda values, i=i: values[i]) for i in range(3)]
    found = stacked(images, torch.device('cpu'))
    assert isinstance(found, tuple)
    assert torch.equal(found[0][0], batch[0][0]) and torch.equal(found[0][1], batch[0][1])
    assert torch.equal(found[1], batch[1])
