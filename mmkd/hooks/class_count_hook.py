"""Say before training what would fail, or silently train nonsense, in its middle."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmkd.registry import HOOKS


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Compares the number of classes of a distilling student with that of its data set before training.

    Raises:
        ValueError: If they differ.
    """

    def before_train(self, runner: Runner) -> None:
        """Compare the counts where the data set names its classes."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        classes = getattr(runner.train_dataloader.dataset, 'metainfo', {}).get('classes')
        if classes is None or not hasattr(model, 'distill'):
            return
        found = model.distill.task.num_classes(model)
        if found != len(classes):
            raise ValueError(
                f'The student has num_classes={found}, but its training data has {len(classes)} classes '
                f'({", ".join(classes[:3])}, …): '
                'set num_classes of the head to the number of classes in the data.'
            )
