"""Give an object one ability more, and leave its class as it is otherwise."""

import functools
from typing import Any


class Mixin:
    """Base of abilities that are mixed in before the class of an existing object, see :func:`mixed_class`."""

    plain_class: type

    def __reduce_ex__(self, protocol: int) -> tuple:
        # The class is made on the fly, so that a pickle must name the plain class and make it again.
        mixin = next(base for base in type(self).__bases__ if issubclass(base, Mixin))
        return _new, (mixin, type(self).plain_class), self.__dict__


@functools.cache
def mixed_class(mixin: type[Mixin], plain_class: type) -> type:
    """The class of objects that do everything as those of a plain class, except for what the mixin overrides."""
    return type(
        f'{mixin.__name__}{plain_class.__name__}',
        (mixin, plain_class),
        {'plain_class': plain_class, '__module__': plain_class.__module__, '__doc__': plain_class.__doc__},
    )


def _new(mixin: type[Mixin], plain_class: type) -> Any:
    made = mixed_class(mixin, plain_class)
    return made.__new__(made)
