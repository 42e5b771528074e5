"""Read what flows through a model during one forward pass.

A tap is a path, written as one would in Python: ``'backbone'``, ``'backbone[2]'``, ``'neck[1:]'``,
``'decode_head.conv_seg'``, ``'decode_head.loss_by_feat:input[0]'``,
``'roi_head.bbox_head.loss_and_target:input[cls_score]'``. The part before ``:`` or ``[`` names a module, or a method of
a module; ``:input`` reads the arguments of the call instead of its output; brackets take an index, a slice or the name
of an argument.
"""

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from torch import nn

PATTERN = re.compile(r'(?P<name>[\w.]+)(?P<side>:input|:output)?(?P<items>(\[[^\[\]]+\])*)$')


class TapError(KeyError):
    """A tap whose path does not exist or whose module was not called."""

    def __str__(self) -> str:
        # KeyError would print the sentence in quotes.
        return str(self.args[0]) if self.args else ''


class EverythingHeard(Exception):  # noqa: N818  (no error: it ends a forward pass that has told enough)
    """Ends a forward pass whose taps have all been recorded.

    Args:
        listener: Whose taps they are.
    """

    def __init__(self, listener: 'Taps') -> None:
        super().__init__('a forward pass was ended early outside of the context that asked for it')
        self.listener = listener


class Tap:
    """One place of a model whose input or output is read.

    Args:
        path: Module or method, side and items, as described in :mod:`mmkd.taps`.

    Raises:
        TapError: If the path is not of this form.
    """

    def __init__(self, path: str) -> None:
        match = PATTERN.fullmatch(path)
        if match is None:
            raise TapError(
                f"The tap {path!r} cannot be read: write a module path such as 'backbone', 'neck[1:]' or "
                "'decode_head.loss_by_feat:input[0]'."
            )
        self.path = path
        self.name: str = match['name']
        self.reads_input = match['side'] == ':input'
        self.items = [_parse_item(item) for item in re.findall(r'\[([^\[\]]+)\]', match['items'])]

    def select(self, value: Any) -> Any:
        """The item of a recorded value that the path names."""
        for item in self.items:
            try:
                value = (
                    list(value.values())[item] if isinstance(value, dict) and not isinstance(item, str) else value[item]
                )
            except (IndexError, KeyError, TypeError) as error:
                raise TapError(
                    f'The tap {self.path!r} asks for [{item}], but {self.name!r} gave {_describe(value)}: choose an '
                    f'item that exists.'
                ) from error
        return value


class Taps:
    """Records the outputs (or inputs) of modules and methods while its context is open.

    Nothing stays on the model afterwards: hooks and patched methods are undone also when the forward pass raises, so
    that a deep copy of the model (EMA) never calls back into the original.

    Args:
        model: The model to listen to.
        paths: Taps, see :mod:`mmkd.taps`.
        stop: Whether the forward pass ends as soon as every place has been read, so that nothing deeper is computed.
            The block after that call is left, and no error is raised.

    Raises:
        TapError: If a path does not exist, or (on leaving the context) if a place was never called.

    Examples:
        >>> with Taps(model, ['backbone', 'decode_head.loss_by_feat:input[0]']) as record:
        ...     losses = model.loss(inputs, data_samples)
        >>> feats, logits = record['backbone'], record['decode_head.loss_by_feat:input[0]']
    """

    def __init__(self, model: nn.Module, paths: Sequence[str], stop: bool = False) -> None:
        self.model = model
        self.stop = stop
        self._pending: set[str] = set()
        self.taps = {path: Tap(path) for path in paths}
        self.values: dict[str, Any] = {}
        self._undo: list[Callable[[], None]] = []
        for tap in self.taps.values():
            find(model, tap)

    def __enter__(self) -> 'Taps':
        self.release()
        self._pending = set(self.taps) if self.stop else set()
        # Looked up anew each time: the runner may have exchanged modules (SyncBN) since.
        for path, tap in self.taps.items():
            self._undo.append(self._listen(path, *find(self.model, tap)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        while self._undo:
            self._undo.pop()()
        silent = [tap for path, tap in self.taps.items() if path not in self.values]
        if kind is None and silent:
            raise TapError(_explain_silence(self.model, silent[0]))
        # Taps that listen to the same pass from the inside must not end it for those outside.
        return isinstance(error, EverythingHeard) and error.listener is self

    def __getitem__(self, path: str) -> Any:
        """The last recorded value of a tap."""
        if path not in self.values:
            raise TapError(
                f'The tap {path!r} was not recorded; recorded are {sorted(self.values)}: name it before the forward '
                f'pass.'
            )
        return self.taps[path].select(self.values[path])

    def release(self) -> None:
        """Forget what was recorded, so that no activation outlives its step."""
        self.values.clear()

    def _listen(self, path: str, module: nn.Module, method: str | None) -> Callable[[], None]:
        if method is not None:
            return self._patch(path, module, method)
        if self.taps[path].reads_input and getattr(module, 'inplace', False):
            # An in-place activation would overwrite its input before anybody has read it.
            module.inplace = False
            self._undo.append(functools.partial(setattr, module, 'inplace', True))
        # Hooks are called in the order of their registration: the last one may end the forward pass.
        recording = module.register_forward_hook(functools.partial(self._hook, path), with_kwargs=True)
        if self.stop:
            completing = self._completing_module(path, module)
            self._undo.append(completing.register_forward_hook(lambda *call: self._complete(path)).remove)
        return recording.remove

    def _completing_module(self, path: str, module: nn.Module) -> nn.Module:
        # An activation may be called several times in a block, and the last call is the one that a tap keeps.
        is_reused = next(module.parameters(), None) is None and not list(module.children())
        return _submodule(self.model, self.taps[path].name.rpartition('.')[0]) if is_reused else module

    def _complete(self, path: str) -> None:
        self._pending.discard(path)
        if self.stop and not self._pending:
            raise EverythingHeard(self)

    def _hook(self, path: str, module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        self._store(path, module.forward, args, kwargs, output)

    def _patch(self, path: str, module: nn.Module, method: str) -> Callable[[], None]:
        original = getattr(module, method)
        was_on_instance = method in vars(module)

        @functools.wraps(original)
        def recording(*args: Any, **kwargs: Any) -> Any:
            if self.stop and self.taps[path].reads_input:
                # What the method makes of its input is of no interest.
                self._store(path, original, args, kwargs, None)
                self._complete(path)
            output = original(*args, **kwargs)
            self._store(path, original, args, kwargs, output)
            self._complete(path)
            return output

        setattr(module, method, recording)
        if was_on_instance:
            return functools.partial(setattr, module, method, original)
        return functools.partial(delattr, module, method)

    def _store(self, path: str, function: Callable, args: tuple, kwargs: dict, output: Any) -> None:
        if self.taps[path].reads_input:
            output = dict(inspect.signature(function).bind(*args, **kwargs).arguments)
        self.values[path] = output


def find(model: nn.Module, tap: Tap) -> tuple[nn.Module, str | None]:
    """The module that a tap names, and the method of it where the path ends in one.

    Raises:
        TapError: If neither exists.
    """
    module = _submodule(model, tap.name)
    if module is not None:
        return module, None
    parent, _, method = tap.name.rpartition('.')
    owner = _submodule(model, parent)
    if owner is not None and callable(getattr(owner, method, None)):
        return owner, method
    raise TapError(
        f'The tap {tap.path!r} names no module or method of {type(model).__name__}; near matches: '
        f'{_near_matches(tap.name, model)}.'
    )


def _submodule(model: nn.Module, name: str) -> nn.Module | None:
    try:
        return model.get_submodule(name)
    except AttributeError:
        return None


def _parse_item(item: str) -> int | slice | str:
    if ':' in item:
        return slice(*(int(bound) if bound else None for bound in item.split(':')))
    try:
        return int(item)
    except ValueError:
        return item.strip('\'"')


def _near_matches(name: str, model: nn.Module) -> str:
    names = [candidate for candidate, _ in model.named_modules() if candidate and not candidate.startswith('distill')]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or [
        candidate for candidate in names if '.' not in candidate
    ]
    return ', '.join(near)


def _explain_silence(model: nn.Module, tap: Tap) -> str:
    module = _submodule(model, tap.name)
    if module is None:
        near = _near_matches(tap.name, model)
    else:
        methods = [method for method in ('forward', 'loss_by_feat') if hasattr(module, method)]
        children = [child for child, _ in module.named_children()]
        near = ', '.join(f'{tap.name}.{name}' for name in methods + children[-2:])
    return (
        f'The tap {tap.path!r} did not fire: {tap.name!r} was not called during the forward pass of '
        f'{type(model).__name__}; '
        f'near matches: {near}.'
    )


def _describe(value: Any) -> str:
    if isinstance(value, tuple | list | dict):
        keys = f' {list(value)}' if isinstance(value, dict) else ''
        return f'a {type(value).__name__} of {len(value)}{keys}'
    return f'a {type(value).__name__}'
