"""Fixtures of the tests of a connection."""

import socket
from typing import Any

import pytest


@pytest.fixture
def unresolvable(monkeypatch: pytest.MonkeyPatch) -> str:
    """A host name that does not resolve; the network is not asked."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - as the original
        if host == "pie.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return "pie.invalid"
