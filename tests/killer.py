"""A hook for tests that ends its process as a power cut does."""

import os
import signal

from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class PowerCut(Hook):
    """Kills the process after an iteration, unless it was killed before."""

    priority = 'LOWEST'

    def __init__(self, at, mark):
        self.at, self.mark = at, mark

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 == self.at and not os.path.exists(self.mark):
            with open(self.mark, 'w'):
                os.kill(os.getpid(), signal.SIGKILL)
