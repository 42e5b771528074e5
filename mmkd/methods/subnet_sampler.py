"""Which sub-nets are trained in a step."""

import re
from collections.abc import Mapping, Sequence

import torch

from mmkd.entities import generator_of_step


class SubnetSampler:
    """Draws sub-nets: all of them, some at random, or by the sandwich rule.

    The draw follows from seed and iteration, so that a resumed run repeats it and all processes train the same nets.

    Args:
        rule: ``'all'``, ``'random:n'`` for ``n`` sub-nets, or ``'sandwich:n'`` for the smallest and ``n`` others; the
            largest net is the full one, which is always trained.

    Raises:
        ValueError: If the rule is none of these.
    """

    def __init__(self, rule: str = 'all') -> None:
        found = re.fullmatch(r'all|(?P<kind>random|sandwich):(?P<number>[1-9]\d*)', str(rule))
        if found is None:
            raise ValueError(
                f"sample={rule!r} was given, but it must be 'all', 'random:n' or 'sandwich:n': choose one."
            )
        self.rule = rule
        self.with_smallest = found['kind'] == 'sandwich'
        self.number = int(found['number']) if found['number'] else None

    def check(self, count: int) -> None:
        """Raise a ``ValueError`` unless the rule can be followed with so many sub-nets."""
        if self.number is not None and self.number + self.with_smallest > count:
            raise ValueError(
                f'sample={self.rule!r} asks for {self.number + self.with_smallest} sub-nets, but there are {count}: '
                'lower the number.'
            )

    def draw(self, subnets: Mapping[str, Sequence[int]]) -> list[str]:
        """Names of the sub-nets of the present step, in the order of the config."""
        names = list(subnets)
        if self.number is None:
            return names
        chosen = {min(names, key=lambda name: sum(subnets[name]))} if self.with_smallest else set()
        others = [name for name in names if name not in chosen]
        order = torch.randperm(len(others), generator=generator_of_step(process=0))
        chosen |= {others[index] for index in order[: self.number]}
        return [name for name in names if name in chosen]
