"""TRG over two processes against one with the joint batch."""

import torch

from tests.methods.given_tokens import step_of, trg_of
from tests.methods.test_trg import maps
from tests.processes import mean, run_in_two

OPTIONS = dict(tokens_per_image=99, num_neighbors=3, global_temperature=0.2, sigma='median', gather=True)


def graded(images):
    """Values of the terms and gradients of maps and linear layer for some images of a batch of four."""
    student, teacher = ([level[0][images].clone()] for level in maps(batch=4))
    student[0].requires_grad_()
    mask = torch.arange(64).view(4, 4, 4)[images] < 40  # the third image has half of its tokens, the fourth none
    torch.manual_seed(2)
    method = trg_of(student, teacher, **OPTIONS, contextual_weight=0).double()
    losses = method.losses(step_of(student, teacher, [mask]))
    sum(losses.values()).backward()
    layer = method.parts[0]['global'][0]
    return losses['loss_local'].detach(), losses['loss_global'].detach(), student[0].grad, layer.weight.grad


def in_one_process(rank):
    """What one of two processes finds for its half of the batch."""
    return graded(slice(2 * rank, 2 * rank + 2))


def test_two_processes_have_the_loss_and_the_gradient_of_the_joint_batch(tmp_path):
    first, second = run_in_two(in_one_process, tmp_path)
    local, contrast, gradient, layer = graded(slice(None))
    torch.testing.assert_close(mean(first[0], second[0]), local)
    torch.testing.assert_close(mean(first[1], second[1]), contrast)
    torch.testing.assert_close(torch.cat([first[2], second[2]]) / 2, gradient)
    torch.testing.assert_close(mean(first[3], second[3]), layer)
