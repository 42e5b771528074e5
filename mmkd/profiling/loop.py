"""Everything that a runner does before its first step, without the training."""

import copy
from typing import Any

from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, Runner, set_random_seed
from torch import nn

from mmkd.profiling.synthetic import SyntheticImages
from mmkd.tasks import task_of

SEED = 0
"""Of the order of the images and of their augmentation, so that every model is given the same batch."""
UNKNOWN_LENGTH = 10**9
"""Iterations of an epoch-based run on made-up data: beyond the end of every schedule."""


@LOOPS.register_module()
class PreparingLoop(BaseLoop):
    """A train loop that stops where training would begin, so that the model is as hooks and wrappers leave it.

    Args:
        runner: The runner.
        dataloader: Config of the training data.
        max_epochs: Length of an epoch-based run.
        max_iters: Length of an iteration-based run.
        synthetic: Height and width of random images that stand in for the data, see :class:`SyntheticImages`.
        **others: Further keys of ``train_cfg``, which change nothing before the first step.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: dict,
        max_epochs: int | None = None,
        max_iters: int | None = None,
        synthetic: tuple[int, int] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(runner, _with_random_images(dataloader, runner.model, synthetic) if synthetic else dataloader)
        per_epoch = UNKNOWN_LENGTH if synthetic else len(self.dataloader)
        self.iter, self.epoch = 0, 0
        self.max_epochs = max_epochs or 1
        self.max_iters = max_iters or self.max_epochs * per_epoch

    def run(self) -> nn.Module:
        """Call the hooks that come before training and take the first batch."""
        self.runner.call_hook('before_train')
        self.runner.model.train()
        # Models draw different numbers until here; augmentation shall not.
        set_random_seed(SEED)
        self.batch = next(iter(self.dataloader))
        return self.runner.model


def without_workers(dataloader: dict) -> dict:
    """The config of a data loader that works in this process."""
    dataloader = copy.deepcopy(dataloader)
    dataloader.pop('prefetch_factor', None)
    return {**dataloader, 'num_workers': 0, 'persistent_workers': False}


def _with_random_images(dataloader: dict, model: nn.Module, size: tuple[int, int]) -> dict:
    task = model.distill.task if hasattr(model, 'distill') else task_of(model)
    masks = getattr(model, 'with_mask', False)
    images = SyntheticImages(task.name, task.num_classes(model), size, dataloader['batch_size'], masks)
    kept = {key: dataloader[key] for key in ('batch_size', 'num_workers', 'collate_fn') if key in dataloader}
    return {**kept, 'dataset': images, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}

