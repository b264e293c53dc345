"""Modules that are imported on first use, so that importing the package is cheap."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    from types import ModuleType


class LazyModule:
    """A module that is imported when one of its attributes is first used.

    Type checkers see an ordinary import instead::

        if TYPE_CHECKING:
            import ssl
        else:
            ssl = LazyModule("ssl")

    Annotations that name such a module are strings, so that only those who evaluate them import it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, name: str) -> object:
        # Kept, because nothing can be imported while the interpreter shuts down.
        if self._module is None:
            self._module = imported(self._name)
        value: object = getattr(self._module, name)
        return value


def imported(name: str) -> ModuleType:
    """Return a module, and import it if it is not imported yet. Like importlib.import_module, without loading importlib."""
    __import__(name)
    return sys.modules[name]
