"""The loss that compares the student's feature maps with the self-teacher's, chosen in a config."""

import inspect
from collections.abc import Sequence

from torch import nn

from mmkd.registry import find_class
from mmkd.tasks.base import Task

CHOICES = 'mmkd.AttentionMapLoss, mmkd.FitNetLoss or mmkd.OverhaulLoss'


class FeatureLossConfig:
    """Which loss compares feature maps, before the channels of both sides are known.

    A loss whose arguments are ``in_channels`` and ``out_channels`` gets those of the student's and of the teacher's
    maps. A loss with ``before_activation = True`` gets maps that have not passed their last activation.

    Args:
        config: Config of a loss; None means attention maps.
        reduction: That of the attention maps; only for ``config=None``.

    Raises:
        KeyError: If there is no such loss.
        ValueError: If both arguments are given.
    """

    def __init__(self, config: dict | None, reduction: str) -> None:
        if config is not None and reduction != 'mean':
            raise ValueError(
                f'feature_loss and reduction={reduction!r} were both given, but reduction is that of the default '
                f'attention maps: leave it out, or write it into feature_loss.'
            )
        self.arguments = dict(config or dict(type='mmkd.AttentionMapLoss', reduction=reduction))
        kind = self.arguments.pop('type', None)
        self.arguments.pop('_scope_', None)
        self.kind = kind if isinstance(kind, type) else find_class(str(kind))
        if self.kind is None:
            raise KeyError(f'feature_loss has the type {kind!r}, which does not exist: use {CHOICES}.')

    def place(self, task: Task, source: str) -> str:
        """Where the student's maps are read that this loss compares.

        Raises:
            ValueError: If they have to come from before the last activation and the student has no such place.
        """
        if not getattr(self.kind, 'before_activation', False):
            return source
        if source != 'backbone' or 'preactivation' not in task.places:
            raise ValueError(
                f'{self.kind.__name__} compares maps from before their last activation, but the {source} of this '
                f'{task.name} student has none that are known: use mmkd.AttentionMapLoss or mmkd.FitNetLoss, or name '
                f"them with source='backbone' and taps=dict(preactivation=[…])."
            )
        return 'preactivation'

    def unrectified(self, config: dict) -> dict:
        """The config of a self-teacher, made to give maps from before their last activation.

        Raises:
            ValueError: If it cannot.
        """
        kind = config['type'] if isinstance(config['type'], type) else find_class(config['type'])
        if kind is None or 'rectify_output' not in inspect.signature(kind).parameters:
            raise ValueError(
                f'{self.kind.__name__} compares maps from before their last activation, but the self-teacher '
                f"{config['type']!r} has no rectify_output=False: use 'mmkd.BiFPNSelfTeacher', or another feature_loss."
            )
        return {**config, 'rectify_output': False}

    def build(self, in_channels: Sequence[int], out_channels: Sequence[int]) -> nn.Module:
        """The loss for a student and a teacher with these channels."""
        known = dict(in_channels=list(in_channels), out_channels=list(out_channels))
        asked = inspect.signature(self.kind).parameters
        return self.kind(**{name: value for name, value in known.items() if name in asked} | self.arguments)
