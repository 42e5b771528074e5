"""The one attribute that makes a student distil."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModule, ModuleDict
from torch import Tensor, nn

from mmkd.collected_gradients import CollectedGradients
from mmkd.losses.reduce import connected_zero
from mmkd.methods.base import Method
from mmkd.step import Step
from mmkd.taps import Taps
from mmkd.tasks.base import Task
from mmkd.teachers import ExternalTeacher, Lesson


class Distillation(BaseModule):
    """Holds the methods of a distilling student and computes their losses.

    It is the student's ``distill`` attribute; all that is trained but not deployed lies below it.

    Args:
        student: The student.
        task: The adapter of its toolbox.
        methods: Methods by the name that their losses bear.
        teachers: External teachers, which are no part of this module.
    """

    def __init__(
        self,
        student: nn.Module,
        task: Task,
        methods: dict[str, Method],
        teachers: Sequence[ExternalTeacher] = (),
    ) -> None:
        super().__init__()
        self.task = task
        self.teachers = list(teachers)
        self.methods = ModuleDict({name: method for name, method in methods.items() if not method.always_off})
        self._last_losses: dict[str, Tensor] = {}
        with independent_random_state():
            for method in self.methods.values():
                if method.needs_teacher:
                    method.learn_from(self.teachers)
                method.attach(student, task)
            for method in self.methods.values():
                method.meet(dict(self.methods.items()))
        Taps(student, self.paths(self.methods))
        self.register_load_state_dict_post_hook(_accept_plain_checkpoint)

    def init_weights(self) -> None:
        """Initialise the training-only parts without touching the random numbers that the student's training draws."""
        with independent_random_state():
            super().init_weights()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'Distillation':
        # Whatever moves or converts the student does the same to its teachers.
        for teacher in self.teachers:
            teacher.apply(fn)
        return super()._apply(fn, recurse)

    def active(self) -> dict[str, Method]:
        """The methods that have anything to compute at the present moment."""
        return {name: method for name, method in self.methods.items() if method.is_active()}

    def paths(self, methods: dict[str, Method]) -> list[str]:
        """What must be read from the student for these methods, each path once."""
        return list(dict.fromkeys(path for method in methods.values() for path in method.taps(self.task)))

    def lessons(self, step: Step, methods: dict[str, Method]) -> list[Lesson]:
        """What every teacher knows of the batch, for these methods; no teacher runs for methods that need none."""
        sources = set().union(*(method.needed_sources() for method in methods.values() if method.needs_teacher))
        return [teacher.teach(step, sorted(sources)) for teacher in self.teachers] if sources else []

    def losses(self, step: Step, methods: dict[str, Method], own: dict[str, Tensor]) -> dict[str, Tensor]:
        """The student's own losses and all terms of these methods, by ``distill.<name>.loss_<term>``.

        A lean method comes last: what was computed before is propagated back first, so that its memory is free.

        Raises:
            FloatingPointError: If a term is NaN or infinite.
        """
        step.lessons = self.lessons(step, methods)
        losses = dict(own)
        for name, method in sorted(methods.items(), key=lambda item: item[1].lean):
            if method.lean and step.gradients is None:
                step.gradients = CollectedGradients(step.student)
                losses = step.gradients.collect(losses)
            losses.update({f'distill.{name}.{key}': value for key, value in method.losses(step).items()})
        idle = [
            parameter for method in self.methods.values() for parameter in method.idle_parameters(step.student)
        ]
        if idle:
            # Distributed training waits for a gradient of every parameter; this one is zero.
            losses['distill.loss_idle'] = sum(connected_zero(parameter.flatten()) for parameter in idle)
        if step.gradients is not None:
            losses['distill.loss_collected'] = step.gradients.carrier()
        self._check_finite({key: value for key, value in losses.items() if key.startswith('distill.')})
        return losses

    def start_from(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Let every method take what it can from the checkpoint of a plain student."""
        for method in self.methods.values():
            method.start_from(state_dict, prefix)

    def _check_finite(self, losses: dict[str, Tensor]) -> None:
        # On an accelerator the value of this step is not there yet, and waiting for it would cost a synchronisation:
        # look at the last step's instead.
        on_cpu = all(value.device.type == 'cpu' for value in losses.values())
        checked = losses if on_cpu else self._last_losses
        self._last_losses = {} if on_cpu else {key: value.detach() for key, value in losses.items()}
        for key, value in checked.items():
            if not torch.isfinite(value):
                method = key.split('.')[1]
                iteration = MessageHub.get_current_instance().get_info('iter', 0)
                raise FloatingPointError(
                    f'The method {method!r} stops training at iteration {iteration}: {key} is {value.item()}; '
                    'the last checkpoint is kept, resume from it with a lower learning rate or weight.'
                )


def _accept_plain_checkpoint(distill: nn.Module, keys: NamedTuple) -> None:
    # A plain student's checkpoint has none of these keys; that is no mismatch, even for a strict load.
    if {f'distill.{name}' for name, _ in distill.named_parameters()} <= set(keys.missing_keys):
        keys.missing_keys[:] = [key for key in keys.missing_keys if not key.startswith('distill.')]


@contextmanager
def independent_random_state() -> Iterator[None]:
    """A context with random numbers of its own, the same for the same seed: they change nothing outside."""
    with torch.random.fork_rng(devices=[]):
        # Another seed than the student's, or its layers and the self-teacher's would start with the same numbers.
        torch.default_generator.manual_seed((torch.initial_seed() + 1) % 2**63)
        yield
