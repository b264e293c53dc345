"""Frozen dataclasses whose methods are not compiled when their classes are created."""

from __future__ import annotations

import dataclasses
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Make a frozen dataclass of a class that defines ``__slots__``, and an ``__init__`` that sets them.

    ``dataclass(frozen=True)`` compiles six methods for each class, which takes a third of a millisecond at every start of a
    program. Here all classes share them.
    """
    for method in (_repr, _eq, _hash, _setattr, _delattr, _reduce):
        setattr(cls, f"_{method.__name__}__", method)
    return dataclasses.dataclass(init=False, repr=False, eq=False)(cls)


def _names(self: object) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(type(self), "__match_args__", ())
    return names


def _values(self: object) -> tuple[object, ...]:
    return tuple(getattr(self, name) for name in _names(self))


def _repr(self: object) -> str:
    fields = zip(_names(self), _values(self), strict=True)
    return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in fields)})"


def _eq(self: object, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: object) -> int:
    return hash(_values(self))


def _setattr(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _reduce(self: object) -> tuple[type, tuple[object, ...]]:
    return type(self), _values(self)
