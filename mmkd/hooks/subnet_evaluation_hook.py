"""Say at every validation how good each net of a network of dynamic depth is."""

from numbers import Real

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmkd.hooks.evaluation import evaluate
from mmkd.networks.dynamic_depth import FULL
from mmkd.registry import HOOKS
from mmkd.subnets import as_net, net_names


@HOOKS.register_module()
class SubnetEvaluationHook(Hook):
    """Adds to the metrics of validation and test those of every net, as ``<metric>/full`` and ``<metric>/<sub-net>``.

    The metrics of the student itself, which is the full net, keep their names, so that ``save_best`` and schedulers see
    what they see without the hook. Training goes on bit by bit as without it. Models without sub-nets are left alone.
    """

    # before the LoggerHook has written the metrics, and before the EMAHook has put the trained weights back
    priority = 'ABOVE_NORMAL'

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Evaluate the sub-nets on the validation data."""
        _add_metrics(runner, 'val', metrics)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Evaluate the sub-nets on the test data."""
        _add_metrics(runner, 'test', metrics)


def _add_metrics(runner: Runner, split: str, metrics: dict[str, float] | None) -> None:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    own = {key: value for key, value in (metrics or {}).items() if isinstance(value, Real)}
    for name in net_names(model) if own else []:
        found = own if name == FULL else _metrics_of(name, model, runner, split)
        for key in [key for key in own if key in found]:
            metrics[f'{key}/{name}'] = found[key]
            # mmengine has told the hub the student's own metrics before
            runner.message_hub.update_scalar(f'{split}/{key}/{name}', found[key])


def _metrics_of(name: str, model: nn.Module, runner: Runner, split: str) -> dict[str, float]:
    loop = runner.val_loop if split == 'val' else runner.test_loop
    with as_net(model, name):
        return evaluate(runner, loop, model.val_step if split == 'val' else model.test_step)
