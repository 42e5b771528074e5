"""Checks that the tests of all losses share."""
import torch


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradient(loss, student, *others):
    leaf = student.detach().clone().requires_grad_()
    value = loss(leaf, *others)
    value.backward()
    return value.detach(), leaf.grad


def check_precision(loss, *inputs):
    """Half inputs and autocast regions are computed in float32."""
    for dtype in (torch.float16, torch.bfloat16):
        halves = [convert(tensor, dtype) for tensor in inputs]
        value, slope = gradient(loss, *halves)
        expected, expected_slope = gradient(loss, *[convert(tensor, torch.float64) for tensor in halves])
        assert value.dtype == torch.float32 and slope.dtype == dtype
        torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(slope, expected_slope.to(dtype), rtol=1e-2, atol=1e-6)
    expected, expected_slope = gradient(loss, *inputs)
    with torch.autocast('cpu', torch.bfloat16):
        value, slope = gradient(loss, *[convert(tensor, torch.float32) for tensor in inputs])
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(slope.double(), expected_slope, rtol=1e-4, atol=1e-6)


def check_large(loss, *inputs):
    """Magnitudes at the end of the range of half precision leave value and gradient finite."""
    large = [tensor.sign() * 6e4 if tensor.is_floating_point() else tensor for tensor in inputs]
    value, slope = gradient(loss, *[convert(tensor, torch.float16) for tensor in large])
    assert value.isfinite() and slope.isfinite().all()


def check_connected_zero(loss, student, *others):
    value, slope = gradient(loss, student, *others)
    assert value.item() == 0 and value.dtype in (torch.float32, torch.float64)
    assert slope.shape == student.shape and slope.eq(0).all()


def check_teacher_detached(loss, student, teacher, *others):
    student, teacher = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    loss(student, teacher, *others).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


def check_compile(loss, *inputs):
    compiled = torch.compile(loss, fullgraph=True, backend='aot_eager')
    for one, other in zip(gradient(loss, *inputs), gradient(compiled, *inputs), strict=True):
        torch.testing.assert_close(one, other)


def matrices_kept(loss, size, student, *others):
    """Return how many different float tensors of at least ``size`` elements backward keeps."""
    kept = []

    def keep(tensor):
        if tensor.is_floating_point() and tensor.numel() >= size:
            kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        value = loss(student.clone().requires_grad_(), *others)
    assert value.requires_grad
    return len({tensor.data_ptr() for tensor in kept})


def convert(tensor, dtype):
    return tensor.to(dtype) if tensor.is_floating_point() else tensor
