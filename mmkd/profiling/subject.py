"""A model that is ready for its training step."""

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, set_random_seed
from torch import nn

import mmkd.profiling.loop  # noqa: F401  (registers the loop)
from mmkd.engine.device import without_sync_bn
from mmkd.engine.pretrained import without_pretrained
from mmkd.profiling.loop import SEED, without_workers
from mmkd.profiling.untrained_teachers import with_untrained_teachers

DEFAULT_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')
NUMBERS = count()


@dataclass
class Subject:
    """A model, its optimizer and one batch.

    Args:
        name: How tables call it.
        model: In training mode, on its device.
        optim_wrapper: Its optimizer, at learning rate 0: a step does all its work, but the next one starts from the
            same weights.
        batch: What the data loader gave.
        moment: ``epoch``, ``iter``, ``max_epochs`` and ``max_iters`` that schedules see.
    """

    name: str
    model: nn.Module
    optim_wrapper: OptimWrapper
    batch: Any
    moment: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group in self.optim_wrapper.param_groups:
            group['lr'] = 0.0

    def ready(self) -> Callable[[], dict]:
        """The next training step, with all that is not part of it done: every step draws the same random numbers."""
        hub = MessageHub.get_current_instance()
        for key, value in self.moment.items():
            hub.update_info(key, value)
        set_random_seed(0)
        # Preprocessors pad and resize the samples of a batch in place.
        return partial(self.model.train_step, copy.deepcopy(self.batch), self.optim_wrapper)

    def terms_off(self) -> list[str]:
        """Terms of the methods that train at some time, but not at this moment."""
        self.ready()
        distill = getattr(self.model, 'distill', None)
        return [
            f'{name}.{term}'
            for name, method in (distill.methods.items() if distill else ())
            for term, weight in method.term_weights.items()
            if not weight.always_zero and method.term_weight(term) == 0
        ]

    def images(self) -> list[tuple[int, int]]:
        """Height and width of every image of the batch."""
        return [tuple(image.shape[-2:]) for image in self.batch['inputs']]


def make_subject(name: str, config: Config, synthetic: tuple[int, int] | None = None) -> Subject:
    """Build what ``tools/train.py`` would train, with mmengine's runner, up to the first step.

    The batch is the first of the config's training data, drawn and augmented alike for every model; the moment is the
    last iteration of the run. Nothing is downloaded: weights are those of the initialisation, of teachers too.

    Args:
        name: How tables call it.
        config: A plain or a distilling config.
        synthetic: Height and width of random images in place of the training data.

    Raises:
        FileNotFoundError: If the training data is absent.
    """
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner.from_cfg(_reduced(config, folder, synthetic))
        runner.logger.setLevel('ERROR')
        try:
            runner.train()
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"The training data of the config is not there ('{error.filename or error}'): put it there, or add "
                '--synthetic HEIGHT WIDTH.'
            ) from error
        finally:
            for handler in runner.logger.handlers:
                handler.close()
    loop = runner.train_loop
    moment = dict(
        epoch=loop.max_epochs - 1, iter=loop.max_iters - 1, max_epochs=loop.max_epochs, max_iters=loop.max_iters
    )
    return Subject(name, runner.model, runner.optim_wrapper, loop.batch, moment)


def _reduced(config: Config, folder: str, synthetic: tuple[int, int] | None) -> Config:
    config = copy.deepcopy(config)
    with DefaultScope.overwrite_default_scope(config.get('default_scope')):
        config.model = with_untrained_teachers(without_pretrained(without_sync_bn(config.model)), folder)
    config.train_dataloader = without_workers(config.train_dataloader)
    config.train_cfg = {**config.train_cfg, 'type': 'mmengine.PreparingLoop', 'synthetic': synthetic}
    config.train_cfg.pop('by_epoch', None)
    for split in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            config[f'{split}_{part}'] = None
    config.default_hooks = dict.fromkeys(DEFAULT_HOOKS)
    config.update(param_scheduler=None, visualizer=None, load_from=None, resume=False, launcher='none')
    config.randomness = {**config.get('randomness', {}), 'seed': SEED}
    config.update(work_dir=folder, experiment_name=f'profile_{next(NUMBERS)}', log_level='ERROR')
    return config
