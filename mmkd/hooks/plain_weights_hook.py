"""Load a distilled checkpoint into the plain student without a word about what only training needed."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmkd.engine.checkpoint import PREFIX
from mmkd.registry import HOOKS


@HOOKS.register_module()
class PlainWeightsHook(Hook):
    """Leaves the training parts (``distill.…``) out of a checkpoint that is loaded for a test.

    mmengine would list them as unexpected, which reads like a mistake.
    """

    # before an EMAHook takes its weights from the checkpoint
    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Drop the entries below ``distill.``."""
        weights = checkpoint.get('state_dict', checkpoint)
        for key in [key for key in weights if key.removeprefix('module.').startswith(PREFIX)]:
            del weights[key]
