"""Task adapters: the only files of mmkd that know a toolbox."""

from importlib import import_module

from mmengine.model import BaseModel
from torch import nn

from mmkd.tasks.base import Task

# The toolbox of a model is read off the modules of its classes; only that toolbox's adapter is imported.
ADAPTERS = {
    'mmpretrain': ('mmkd.tasks.classification', 'ClassificationTask'),
    'mmseg': ('mmkd.tasks.segmentation', 'SegmentationTask'),
    'mmdet': ('mmkd.tasks.detection', 'DetectionTask'),
}


def task_of(student: nn.Module, taps: dict[str, str] | None = None) -> Task:
    """The task adapter of a student.

    Args:
        student: A model of mmpretrain, mmseg or mmdet, or of a class derived from one of theirs.
        taps: Taps that replace the adapter's own, see :class:`Task`.

    Raises:
        TypeError: If the student belongs to none of these toolboxes.
    """
    # A head or a backbone alone is of a toolbox, too.
    for ancestor in type(student).__mro__ if isinstance(student, BaseModel) else ():
        toolbox = ancestor.__module__.partition('.')[0]
        if toolbox in ADAPTERS:
            module, name = ADAPTERS[toolbox]
            return getattr(import_module(module), name)(student, taps)
    raise TypeError(
        f'The student is a {type(student).__module__}.{type(student).__name__}, but it must be a model of '
        f'{", ".join(ADAPTERS)}: '
        f'derive it from a classifier, segmentor or detector of one of them.'
    )


__all__ = ['Task', 'task_of']
