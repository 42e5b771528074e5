"""Run a student once and listen."""

from mmkd.taps import Taps
from mmkd.tasks import task_of


def hear(model, batch, sources):
    task = task_of(model)
    with Taps(model, [path for source in sources for path in task.taps(source)]) as record:
        model.loss(*batch)
    return task, record
