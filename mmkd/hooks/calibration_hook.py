"""Say how strongly every term of a distillation pulls at the student."""

import copy
import logging
from collections import defaultdict
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from mmkd.hooks.random_state_hook import random_state, set_random_state
from mmkd.registry import HOOKS

SCALE = 2.0**10
"""Keeps small gradients above the least half-precision number; a power of two rounds nothing."""


@HOOKS.register_module()
class CalibrationHook(Hook):
    r"""Compares the gradient of every term of distillation with that of the student's own loss, once, in the log.

    .. math:: \bar{\| \nabla L_k \|} / \bar{\| \nabla L_{own} \|}

    with norms over the trained parameters of the student's backbone and means over the first iterations in which the
    term is active. Terms are taken as they are trained, weights included. A term far below 1 does nothing, one far
    above 1 drowns the labels.

    It is a copy of the model that is measured, on a copy of the batch and with the random numbers that the step will
    draw itself: training goes on bit by bit as without the hook, but the first iterations take several times as long
    and the memory of a second model. Each process measures its own share of a batch, and the first one speaks.

    Args:
        iterations: How many iterations are measured from the start of training; 0: none.
        lowest: A warning is given below it.
        highest: A warning is given above it.

    Raises:
        ValueError: If ``iterations`` is negative, or ``lowest`` is not from 0 to ``highest``.

    Examples:
        >>> custom_hooks = [dict(type='mmkd.CalibrationHook')]
    """

    def __init__(self, iterations: int = 100, lowest: float = 0.01, highest: float = 10.0) -> None:
        if iterations < 0:
            raise ValueError(f'CalibrationHook has iterations={iterations}, but it must be at least 0: raise it.')
        if not 0 <= lowest <= highest:
            raise ValueError(
                f'CalibrationHook has lowest={lowest} and highest={highest}, but 0 <= lowest <= highest is needed: '
                'correct them.'
            )
        self.iterations = iterations
        self.lowest = lowest
        self.highest = highest
        self._norms: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Measure the coming step."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if runner.iter >= self.iterations or not hasattr(model, 'distill'):
            return
        state = random_state()
        try:
            norms = gradient_norms(copy.deepcopy(model), copy.deepcopy(data_batch), runner.optim_wrapper)
        finally:
            set_random_state(state)
        own = norms.pop('')
        for key, norm in norms.items():
            self._norms[key].append((norm, own))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Speak after the last iteration that is measured."""
        if runner.iter + 1 >= self.iterations:
            self._report()

    def after_train(self, runner: Runner) -> None:
        """Speak at the end of a training that is shorter."""
        self._report()

    def _report(self) -> None:
        ratios = {key: _ratio(norms) for key, norms in self._norms.items()}
        if not ratios:
            return
        iterations = max(map(len, self._norms.values()))
        self._norms.clear()
        values = ', '.join(f'{key} {ratio:.3g}' for key, ratio in ratios.items())
        print_log(
            f"Gradient norms at the student's backbone relative to those of its own loss, mean of {iterations} "
            f'iterations: {values}.',
            logger='current',
        )
        for key, ratio in ratios.items():
            if not self.lowest <= ratio <= self.highest:
                print_log(
                    f"{key} has {ratio:.3g} times the gradient of the student's own loss, which is outside "
                    f'{self.lowest} to {self.highest}: change its weight, 0.05 to 1 times is a usual range.',
                    logger='current',
                    level=logging.WARNING,
                )


def gradient_norms(model: nn.Module, batch: Any, optim_wrapper: OptimWrapper) -> dict[str, float]:
    """Norms of the gradients of one step, over the trained parameters of the backbone.

    Args:
        model: A distilling student, whose buffers change as in a step of training.
        batch: What its data preprocessor is given.
        optim_wrapper: Says in which precision the step is computed.

    Returns:
        The norm of every term of distillation by its key, and that of the student's own loss by an empty key.
    """
    with optim_wrapper.optim_context(model):
        losses = model._run_forward(model.data_preprocessor(batch, True), mode='loss')
    totals: dict[str, Any] = defaultdict(float)
    for key, value in losses.items():
        if 'loss' in key and key != 'distill.loss_idle':
            totals[key if key.startswith('distill.') else ''] += _scalar(value)
    weights = _weights(model)
    return {key: _norm(total, weights) for key, total in totals.items()}


def _scalar(value: Tensor | list[Tensor]) -> Tensor:
    return sum(part.float().mean() for part in ([value] if isinstance(value, Tensor) else value))


def _weights(model: nn.Module) -> list[Tensor]:
    backbone = [parameter for parameter in model.backbone.parameters() if parameter.requires_grad]
    return backbone or [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not name.startswith('distill.')
    ]


def _norm(value: Tensor, weights: list[Tensor]) -> float:
    if not value.requires_grad:
        return 0.0
    gradients = torch.autograd.grad(value * SCALE, weights, retain_graph=True, allow_unused=True)
    norms = [torch.linalg.vector_norm(gradient.float()) for gradient in gradients if gradient is not None]
    return (torch.stack(norms).norm() / SCALE).item() if norms else 0.0


def _ratio(norms: list[tuple[float, float]]) -> float:
    term, own = map(sum, zip(*norms, strict=True))
    return term / own if own > 0 else float('inf') if term > 0 else 0.0
