"""Distiller: student config in, distilling student out."""

import difflib
from typing import Any

from mmengine.registry import MODELS as MMENGINE_MODELS
from torch import Tensor, nn

from mmkd.distillation import Distillation, independent_random_state
from mmkd.engine.log_buffers import accept_log_buffers
from mmkd.methods.base import Method, argument_names
from mmkd.mixin import Mixin, mixed_class
from mmkd.registry import MODELS, find_class, told
from mmkd.step import Step
from mmkd.taps import Taps
from mmkd.tasks import task_of
from mmkd.tasks.base import TapConfig
from mmkd.teachers import ExternalTeacher, build_teachers
from mmkd.teachers.build import TeacherConfig


class Distilling(Mixin):
    """What a distilling student does differently from the plain one: its ``loss`` adds the terms of its methods.

    Mixed in before the student's own class.
    """

    distill: Distillation

    def loss(self, inputs: Any, data_samples: Any, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """The student's own losses, untouched, and those of the active methods under ``distill.<name>.loss_<term>``."""
        methods = self.distill.active()
        own_loss = self.distill.task.loss_of_views(self, data_samples)
        with own_loss, Taps(self, self.distill.paths(methods)) as record:
            losses = self.plain_loss(inputs, data_samples, *args, **kwargs)
        step = Step(self, self.distill.task, record, data_samples, inputs)
        losses = self.distill.losses(step, methods, losses)
        record.release()
        return losses

    def plain_loss(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """What the ``loss`` of the plain student gives."""
        return super().loss(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        if not any(key.startswith(f'{prefix}distill.') for key in state_dict):
            self.distill.start_from(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)


@MODELS.register_module()
class Distiller:
    """Builds a student that distils: ``model = dict(type='mmkd.Distiller', student=…, methods=…)``.

    What it returns is the student itself, with the plain student's type, parameter names and state-dict keys, plus one
    attribute ``distill`` with all that only training needs. It loads plain checkpoints, and its own load into the plain
    student once the keys below ``distill.`` are dropped.

    Args:
        student: Config of any model of mmseg, mmdet or mmpretrain.
        methods: Configs of methods such as ``dict(frskd=dict(type='mmkd.FRSKD'))``, by the name that their losses bear.
        teacher: ``dict(config=…, checkpoint=…)`` of an external teacher, or a list of such, see
            :func:`mmkd.teachers.build_teachers`. It is loaded only if a method needs it.
        taps: Paths of ``'backbone'``, ``'neck'`` or ``'logits'`` for a student that keeps them in unusual places, see
            :mod:`mmkd.taps`.
        data_preprocessor: Goes to the student if it has none of its own; mmengine's runner puts it here.

    Raises:
        KeyError: If a method is unknown.
        TypeError: If the student is of none of the toolboxes, or a method is not defined for its task.
        ValueError: If a method has an illegal argument, needs a teacher that is not given, or a teacher is given that
            no method needs.

    Examples:
        >>> model = MODELS.build(dict(type='mmkd.Distiller', student=cfg.model,
        methods=dict(frskd=dict(type='mmkd.FRSKD'))))
    """

    def __new__(  # noqa: D102  (described on the class)
        cls,
        student: dict,
        methods: dict[str, dict],
        teacher: TeacherConfig | None = None,
        taps: TapConfig | None = None,
        data_preprocessor: dict | None = None,
        **unknown: Any,
    ) -> nn.Module:
        _check_arguments(student, methods, unknown)
        # Here too, because the toolboxes' own tools resume a distilled training.
        accept_log_buffers()
        methods = {name: _build_method(name, config) for name, config in methods.items()}
        student = dict(student)
        if data_preprocessor is not None:
            student.setdefault('data_preprocessor', data_preprocessor)
        with told('The student'):
            model = MMENGINE_MODELS.build(student)
        distill = Distillation(model, task_of(model, taps), methods, _teachers(teacher, methods))
        model.__class__ = mixed_class(Distilling, type(model))
        model.distill = distill
        return model


def _check_arguments(student: Any, methods: Any, unknown: dict[str, Any]) -> None:
    if unknown:
        raise ValueError(
            f'The Distiller has the arguments {sorted(unknown)}, but only student, methods, teacher, taps and '
            'data_preprocessor are legal: rename or remove them.'
        )
    if not isinstance(student, dict):
        raise ValueError(f'The student is {student!r}, but the config of a model is needed: give student=dict(type=…).')
    kind = student.get('type')
    if kind is Distiller or kind in ('mmkd.Distiller', 'Distiller'):
        raise ValueError(
            f'The student has the type {kind!r}, but it must be a plain model: give its student, and name all methods '
            'in one Distiller.'
        )
    if not isinstance(methods, dict):
        raise ValueError(f'methods is {methods!r}, but a dict is needed: write methods=dict(NAME=dict(type=…)).')
    for name, method in methods.items():
        if not isinstance(name, str) or not name or '.' in name or hasattr(nn.ModuleDict(), name):
            raise ValueError(f'A method has the name {name!r}, which torch cannot give to a module: choose another.')
        if not isinstance(method, dict):
            raise ValueError(f"The method {name!r} is {method!r}, but a dict is needed: write dict(type='mmkd.…').")


def _build_method(name: str, config: dict) -> Method:
    config = dict(config)
    kind = config.pop('type', None)
    config.pop('_scope_', None)
    method = kind if isinstance(kind, type) else find_class(str(kind))
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise KeyError(
            f'The method {name!r} has the type {kind!r}, which is no method of mmkd; legal are '
            f'{_near_methods(str(kind))}: correct the type.'
        )
    unknown = sorted(set(config) - set(argument_names(method)))
    if unknown:
        raise ValueError(
            f'The method {name!r} has the arguments {unknown}, but {method.__name__} takes {argument_names(method)}: '
            f'rename or remove them.'
        )
    return method(**config)


def _teachers(teacher: TeacherConfig | None, methods: dict[str, Method]) -> list[ExternalTeacher]:
    taught = {name: method for name, method in methods.items() if method.needs_teacher}
    if teacher is None:
        for name, method in taught.items():
            if not method.always_off:
                raise ValueError(
                    f'The method {name!r} ({type(method).__name__}) learns from a teacher, but teacher=None: add '
                    'teacher=dict(config=…, checkpoint=…) to the Distiller.'
                )
        return []
    if methods and not taught:
        raise ValueError(
            f'A teacher was given, but every method here teaches itself ({", ".join(methods)}): remove teacher=…, or '
            "add a method such as dict(type='mmkd.LogitKD')."
        )
    if all(method.always_off for method in taught.values()):
        return []
    # The numbers that a teacher draws before it loads its weights would change those that the student starts with.
    with independent_random_state():
        return build_teachers(teacher)


def _near_methods(kind: str) -> str:
    names = [
        f'mmkd.{name}'
        for name, kind in MODELS.module_dict.items()
        if isinstance(kind, type) and issubclass(kind, Method)
    ]
    return ', '.join(difflib.get_close_matches(kind, names, n=3) or sorted(names))
