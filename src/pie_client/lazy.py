"""Modules that are imported on first use, so that importing the package is cheap."""

import sys


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

    def __getattr__(self, name: str) -> object:
        # importlib would have to be imported first.
        __import__(self._name)
        return getattr(sys.modules[self._name], name)
