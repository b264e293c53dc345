"""Facts about the server that a client is connected to."""

from dataclasses import dataclass

from pie_client._generated.families import Family


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Facts about the connected server."""

    family: Family
    """Server family: ``"0.4"`` for 0.3 and 0.4, ``"0.5"``."""
    title: str
    """Name of the family, for people."""
    username: str
    """User that the session runs as."""
