"""Say before training how good a teacher is."""

from numbers import Real

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmkd.hooks.evaluation import evaluate
from mmkd.registry import HOOKS
from mmkd.teachers import ExternalTeacher


@HOOKS.register_module()
class EvalTeacherHook(Hook):
    """Evaluates every external teacher of the student's task once on the validation data before training.

    The teacher sees the images through its own data preprocessor, and the evaluator is the student's. One line per
    teacher tells the result. Training goes on bit by bit as without the hook.

    Raises:
        ValueError: If there is no validation data.
    """

    def before_train(self, runner: Runner) -> None:
        """Evaluate the teachers one after the other."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        distill = getattr(model, 'distill', None)
        for teacher in distill.teachers if distill is not None else ():
            obstacle = _obstacle(model, teacher)
            told = f'not evaluated, {obstacle}' if obstacle else _evaluated(runner, teacher)
            runner.logger.info(f'teacher {teacher.name}: {told}')


def _obstacle(student: nn.Module, teacher: ExternalTeacher) -> str:
    own, other = student.distill.task, teacher.task
    if own.name != other.name:
        return f'because it is a {other.name} model and the validation data is for {own.name}'
    classes = [own.num_classes(student), other.num_classes(teacher.model)]
    return '' if classes[0] == classes[1] else f'because it has {classes[1]} classes and the student {classes[0]}'


def _evaluated(runner: Runner, teacher: ExternalTeacher) -> str:
    if runner.val_loop is None:
        raise ValueError(
            'The teacher is to be evaluated, but the config has no val_dataloader: add one, or leave --eval-teacher '
            'out.'
        )
    # The student's data preprocessor has been told its device, the teacher's has not.
    model = teacher.model.to(next(teacher.model.parameters()).device).eval()
    metrics = evaluate(runner, runner.val_loop, model.val_step)
    return ', '.join(f'{name}={value:.4g}' for name, value in metrics.items() if isinstance(value, Real))
