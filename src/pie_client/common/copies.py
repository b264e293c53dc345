"""Refuse copies of objects that own something, such as a connection or a temporary file."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    from typing import NoReturn


def refuse(what: str, instead: str) -> NoReturn:
    """Raise TypeError. Called by ``__reduce__``, it keeps :mod:`pickle` and :mod:`copy` from making a second object.

    Args:
        what: The object, as in "a PieClient".
        instead: What to do instead: an imperative clause.
    """
    raise TypeError(f"{what} can't be pickled or copied; {instead}")
