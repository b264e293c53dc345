"""Which web pages may use an engine and its daemons.

A page of any site can make its browser connect to the loopback interface. Browsers say in the header Origin which site
that is; other clients have no such header. Against a site whose name resolves to this machine (DNS rebinding), daemons
check the header Host as well: a browser's GET requests to the site itself have no Origin.
"""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from pie_client.connection.options import is_loopback
from pie_client.errors import one_line

ANY = "*"
ORIGIN = re.compile(
    r"\*|null|[a-z][a-z0-9+.-]*://(?:[^\s/?#@:\[\]]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?", re.IGNORECASE
)
"""An origin, ``null`` for pages without one such as local files, or ``*`` for all."""
SHOWN = 100
"""Most characters of a header in a refusal."""


class AllowedOrigins:
    """The origins of pages that may connect, in addition to the server's own.

    Args:
        origins: Each like ``http://localhost:3000``; ``*`` for all.
    """

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._origins = {origin.lower() for origin in origins}
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
        shown = one_line(", ".join(origins), SHOWN)
        return f"a page of {shown} may not connect; allow it with allowed_origins="

    def host_refusal(self, hosts: Sequence[str]) -> str | None:
        """Return why a request is refused for its header Host, or None to accept it."""
        names = [_split(f"//{host}").hostname or "" for host in hosts]
        if ANY in self._origins or all(is_loopback(name) or name in self._hosts for name in names):
            return None
        shown = one_line(", ".join(hosts), SHOWN)
        return f"{shown} is not this machine; allow requests to it with allowed_origins="


def _is_own(origin: str, port: int) -> bool:
    parts = _split(origin)
    try:
        return parts.scheme == "http" and parts.port == port and is_loopback(parts.hostname or "")
    except ValueError:  # the port is not a number
        return False


def _split(text: str) -> SplitResult:
    """Return the parts of a URL, which are empty if it is malformed."""
    try:
        return urlsplit(text)
    except ValueError:
        return urlsplit("")
