"""Bytes of what a teacher says of one image, and back."""

import json
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

PRECISIONS = ('float16', 'bfloat16', 'float32')
Nested = Any
"""A tensor, or lists and tuples of such."""


@dataclass(frozen=True)
class Packing:
    r"""How outputs are written: a header that describes their layout, then the bytes of their tensors.

    Floating-point tensors are written in ``precision``, or in single precision where their values have no place in it,
    and come back in their own type. Of class scores :math:`z` (K, *) the ``top_k`` highest may be kept, and one number
    for all others,

    .. math:: \log \frac{1}{K - k} \sum_{j \notin top} e^{z_j}

    which comes back in their place, so that the probabilities of the classes kept are exact at the temperature 1.

    Args:
        precision: ``'float16'``, ``'bfloat16'`` or ``'float32'``.
        top_k: How many class scores are kept per position; None: all.
    """

    precision: str = 'float16'
    top_k: int | None = None

    def pack(self, output: Nested, is_logits: bool) -> bytes:
        """The bytes of one image's output.

        Args:
            output: Tensors without a batch dimension, in lists and tuples.
            is_logits: Whether it holds class scores (K, *), of which ``top_k`` are kept.
        """
        parts: list[bytes] = []
        layout = json.dumps(self._write(output, parts, is_logits), separators=(',', ':')).encode()
        return b''.join((struct.pack('<I', len(layout)), layout, *parts))

    def _write(self, output: Nested, parts: list[bytes], is_logits: bool) -> Any:
        if isinstance(output, tuple | list):
            written = [self._write(item, parts, is_logits) for item in output]
            return dict(tuple=written) if isinstance(output, tuple) else written
        values = output.detach().cpu()
        layout = dict(shape=list(values.shape), dtype=_name(values.dtype))
        if is_logits and self.top_k is not None and values.dim() and values.shape[0] > self.top_k:
            values, indices, others = _split(values, self.top_k)
            parts += [_bytes(indices), _bytes(others)]
            layout['top_k'] = self.top_k
        stored = self._stored(values)
        parts.append(_bytes(stored))
        return dict(layout, stored=_name(stored.dtype))

    def _stored(self, values: Tensor) -> Tensor:
        if not values.is_floating_point():
            return values
        stored = values.to(getattr(torch, self.precision))
        return stored if torch.equal(stored.isinf(), values.isinf()) else values.float()


def unpack(data: bytes) -> Nested:
    """What :meth:`Packing.pack` wrote, on the CPU.

    Raises:
        ValueError: If the bytes are damaged.
    """
    try:
        (length,) = struct.unpack_from('<I', data)
        reader = _Reader(data, 4 + length)
        output = reader.read(json.loads(data[4 : 4 + length]))
    except (struct.error, KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise ValueError(f'An output of {len(data)} bytes has a damaged header: compute it anew.') from error
    if reader.position != len(data):
        raise ValueError(f'An output of {len(data)} bytes was expected to have {reader.position}: compute it anew.')
    return output


def each(output: Nested, function: Callable[[Tensor], Any]) -> Nested:
    """The same lists and tuples with a function of every tensor in its place."""
    if isinstance(output, tuple | list):
        return type(output)(each(item, function) for item in output)
    return function(output)


def stacked(outputs: Sequence[Nested], device: torch.device) -> Nested:
    """The outputs of the images of a batch as those of the batch, on a device."""
    first = outputs[0]
    if isinstance(first, tuple | list):
        return type(first)(stacked(items, device) for items in zip(*outputs, strict=True))
    return torch.stack(tuple(outputs)).to(device, non_blocking=True)


class _Reader:
    """Takes tensors from bytes, one after the other."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def read(self, layout: Any) -> Nested:
        if isinstance(layout, list):
            return [self.read(item) for item in layout]
        if 'tuple' in layout:
            return tuple(self.read(item) for item in layout['tuple'])
        shape, dtype, top_k = layout['shape'], getattr(torch, layout['dtype']), layout.get('top_k')
        if top_k is None:
            return self._take(shape, layout['stored']).to(dtype)
        indices, others = self._take([top_k, *shape[1:]], 'int32'), self._take([1, *shape[1:]], 'float32')
        values = self._take([top_k, *shape[1:]], layout['stored'])
        return others.to(dtype).expand(shape).scatter(0, indices.long(), values.to(dtype))

    def _take(self, shape: Sequence[int], dtype: str) -> Tensor:
        count, dtype = math.prod(shape), getattr(torch, dtype)
        begin, self.position = self.position, self.position + count * dtype.itemsize
        if not count:
            return torch.empty(shape, dtype=dtype)
        # a copy, because bytes can neither be written to nor begin at any place
        return torch.frombuffer(bytearray(self.data[begin : self.position]), dtype=dtype, count=count).reshape(shape)


def _split(logits: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
    values, indices = logits.topk(top_k, dim=0)
    others = logits.float().scatter(0, indices, -math.inf).logsumexp(dim=0, keepdim=True)
    return values, indices.int(), others - math.log(logits.shape[0] - top_k)


def _bytes(values: Tensor) -> bytes:
    return values.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')
