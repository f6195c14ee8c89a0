"""Makes the dataclasses of `_types` of what the library hands over."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read(cls: type[T], data: Any, **more: object) -> T:
    """An instance of a dataclass, with the fields in `more` beside those of the data."""
    values: dict[str, object] = {}
    for name, given, reader in _fields(cls):  # type: ignore[arg-type, unused-ignore]
        if given in data:
            values[name] = reader(data[given])
    return cls(**values, **more)


@functools.cache
def _fields(cls: type[Any]) -> tuple[tuple[str, str, Callable[[Any], object]], ...]:
    hints = get_type_hints(cls)
    # What is a word of Python's is written with a line behind it.
    return tuple((it.name, it.name.rstrip("_"), _reader(hints[it.name])) for it in fields(cls))


def _reader(hint: Any) -> Callable[[Any], object]:
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        own = getattr(hint, "_read", None)
        return own if own is not None else functools.partial(read, hint)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        each = _reader(arguments[0])
        return lambda items: tuple(each(item) for item in items)
    if origin is tuple:
        every = tuple(_reader(argument) for argument in arguments)
        return lambda items: tuple(one(item) for one, item in zip(every, items, strict=True))
    if origin is dict:
        value = _reader(arguments[1])
        return lambda items: {key: value(item) for key, item in items.items()}
    if origin in (Union, types.UnionType):
        return _one_of([argument for argument in arguments if argument is not types.NoneType])
    return lambda value: value


def _one_of(hints: list[Any]) -> Callable[[Any], object]:
    """The only one, or of several dataclasses that of the data's kind."""
    if len(hints) == 1:
        only = _reader(hints[0])
        return lambda value: None if value is None else only(value)
    kinds = {getattr(hint, "kind", None): _reader(hint) for hint in hints if is_dataclass(hint)}

    def kind_of(value: Any) -> object:
        return None if value is None else kinds[value["kind"]](value) if kinds else value

    return kind_of
