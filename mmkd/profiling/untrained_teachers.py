"""Teachers whose weights nobody needs, because only the cost of their pass is asked for."""

import copy
from pathlib import Path

import torch
from mmengine.config import ConfigDict

from mmkd.teachers.build import build_model


def with_untrained_teachers(model: ConfigDict, folder: str | Path) -> ConfigDict:
    """The config of a model whose external teachers, if it has any, keep the weights of their initialisation.

    What a cache of teachers saves is left out, too.

    Args:
        model: The config of a model.
        folder: Where checkpoints are written that the teachers load; they are not needed afterwards.
    """
    model, teachers = copy.deepcopy(model), model.get('teacher')
    if teachers is None:
        return model
    teachers = teachers if isinstance(teachers, list | tuple) else [teachers]
    model['teacher'] = [_untrained(each, Path(folder, f'teacher{slot}.pth')) for slot, each in enumerate(teachers)]
    return model


def _untrained(teacher: ConfigDict, file: Path) -> ConfigDict:
    torch.save(dict(state_dict=build_model(teacher['config']).state_dict()), file)
    kept = {key: value for key, value in teacher.items() if key != 'cache'}
    return ConfigDict(kept, checkpoint=str(file))
