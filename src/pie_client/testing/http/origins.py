"""Which web pages may use an engine and its daemons.

A page of any site can make its browser connect to the loopback interface. Browsers say in the header Origin which site
that is; other clients have no such header. Against a site whose name resolves to this machine (DNS rebinding), daemons
check the header Host as well: a browser's GET requests to the site itself have no Origin.
"""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from pie_client.connection.options import is_this_machine
from pie_client.errors import one_line

ANY = "*"
NO_ORIGIN = "null"
"""Origin of pages without one, such as local files."""
SHOWN = 100
"""Most characters of a header in a refusal."""


class AllowedOrigins:
    """The origins of pages that may connect, in addition to the server's own.

    Args:
        origins: Each like ``http://localhost:3000``; ``*`` for all.
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(map(str.lower, origins))
        self._hosts = {urlsplit(origin).hostname for origin in self._origins}

    def refusal(self, origins: Sequence[str], port: int) -> str | None:
        """Return why a request is refused, or None to accept it.

        Args:
            origins: Values of its header Origin.
            port: The port that the server listens on.
        """
        if not origins or ANY in self._origins:
            return None
        if len(origins) == 1 and (origins[0].lower() in self._origins or _is_own(origins[0], port)):
            return None
        return (
            f"a page of {one_line(', '.join(origins), SHOWN)} may not connect; allow it with allowed_origins="
        )

    def host_refusal(self, hosts: Sequence[str]) -> str | None:
        """Return why a request is refused for its header Host, or None to accept it."""
        if ANY in self._origins or all(self._is_known(host) for host in hosts):
            return None
        shown = one_line(", ".join(hosts), SHOWN)
        return f"{shown} is not this machine; allow requests to it with allowed_origins="

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_this_machine(name) or name in self._hosts


def is_origin(text: str) -> bool:
    """Return whether a text is an origin, without path, user or query; or ``null`` or ``*``."""
    if text in (ANY, NO_ORIGIN):
        return True
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.netloc.partition(":")[0]
    return (
        bool(parts.scheme and host)
        and port != 0
        and text == f"{parts.scheme}://{parts.netloc}"
        and "@" not in host
    )


def _is_own(origin: str, port: int) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme == "http" and parts.port == port and is_this_machine(parts.hostname or "")
    except ValueError:
        return False
