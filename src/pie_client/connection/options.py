"""Options of a connection, and the checks of arguments that need no connection.

Loaded when a client is created, so without asyncio and the WebSocket library. No error text shows credentials.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias, cast
from urllib.parse import SplitResult, unquote, urlsplit

from pie_client._generated.families import (
    DEFAULT_URI,
    DEFAULT_USER,
    ENDPOINT_PATH,
    IDENTITY_PATTERN,
    SCHEMES,
    UPLOAD_BYTES,
)
from pie_client.errors import InvalidArgumentError
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import socket as socket_module
    import ssl as ssl_module

    from pie_client.connection import callers
    from pie_client.connection import taps as tapping
    from pie_client.protocol.backlog import Backlogs
    from pie_client.protocol.shares import WhenFull
else:
    socket_module = LazyModule("socket")
    ssl_module = LazyModule("ssl")
    tapping = LazyModule("pie_client.connection.taps")

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""Field name, RFC 9110, section 5.1."""
POLICIES = ("pause", "drop-oldest", "error")
"""Values of ``when_full``."""
SHARE_BYTES = 16 << 20
"""Default of ``max_buffered``, unless less may be unread in all."""
PROXY_SCHEMES = ("http", "https", "socks5h", "socks5", "socks4a", "socks4")
LOOPBACK_NAMES = frozenset(
    {
        *("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"),
        *("localhost4", "localhost4.localdomain4", "localhost6", "localhost6.localdomain6"),
    }
)
"""Names of the loopback interface in the hosts files of operating systems, besides ``*.localhost`` (RFC 6761, section 6.3)."""
EMBEDDED_IPV4 = (0, 0xFFFF)
"""Upper 96 bits of IPv6 addresses that contain one of IPv4 (RFC 4291, section 2.5.5)."""
HOSTS_FILE = (
    os.path.expandvars(r"%SystemRoot%\System32\drivers\etc\hosts")
    if sys.platform == "win32"
    else "/etc/hosts"
)
HOSTS_CHARACTERS = 1 << 16
"""Most characters read of it: lists of blocked sites have millions."""
DISCARD_PORT = 9
"""Any port: nothing is sent to it."""
BEGINNINGS = tuple(f"{scheme}://" for scheme in SCHEMES)
URI_CHARACTERS = 100
"""Characters of an invalid URI shown in the error."""


class Settings:
    """The arguments of :class:`~pie_client.PieClient`, checked. Raises InvalidArgumentError if one is invalid.

    Attributes:
        wrap: What the requests of connections that are opened from now on go through, or None.
        on_connection: Called with what the processes of each of them hold, or None.
    """

    wrap: callers.Wrap | None = None
    on_connection: Callable[[Backlogs], None] | None = None

    def __init__(
        self,
        server_uri: object,
        *,
        username: str | None,
        identity: str | None,
        timeout: float,
        open_timeout: float,
        ssl: ssl_module.SSLContext | None,
        headers: Mapping[str, str] | None,
        proxy: str | bool,
        max_message_size: int,
        max_buffered: int | None,
        max_buffered_total: int | None,
        when_full: WhenFull,
        spool_above: int | None,
        max_spooled: int | None,
        ping_interval: float,
        ping_timeout: float,
    ) -> None:
        self.uri = parse_uri(server_uri)
        self.username = DEFAULT_USER if username is None else username
        if not _is_printable(self.username):
            raise InvalidArgumentError(f"invalid username {self.username!r}; use printable text on one line")
        if identity is None:
            identity = self.username if _is_identity(self.username) else DEFAULT_USER
        elif not _is_identity(identity):
            raise InvalidArgumentError(
                f"invalid identity {identity!r}; write tenant/user or user in printable ASCII"
            )
        self.identity = identity
        self.open_timeout = check_seconds("open_timeout", open_timeout)
        _check_tls(self.uri, ssl)
        self.ssl = ssl
        self.headers = _checked_headers(headers)
        _check_proxy(proxy)
        self.proxy = proxy
        self.max_message_size = check_size("max_message_size", max_message_size)
        self.timeout = check_seconds("timeout", timeout)
        total = max_buffered_total
        self.max_buffered_total = None if total is None else check_size("max_buffered_total", total)
        if max_buffered is None:
            self.max_buffered = SHARE_BYTES if total is None else min(SHARE_BYTES, total)
        else:
            self.max_buffered = self.check_share(max_buffered)
        self.when_full: WhenFull = check_when_full(when_full)
        self.spool_above = None if spool_above is None else check_size("spool_above", spool_above)
        self.max_spooled = UPLOAD_BYTES if max_spooled is None else check_size("max_spooled", max_spooled)
        self.ping_interval = check_seconds("ping_interval", ping_interval)
        self.ping_timeout = check_seconds("ping_timeout", ping_timeout)

    @functools.cached_property
    def taps(self) -> tapping.Taps:
        """What receives the frames of all connections that are opened with these settings."""
        return tapping.Taps()

    def check_share(self, max_buffered: int) -> int:
        """Return the share of a process. Raises InvalidArgumentError if it is not a size, or more than that of all processes."""
        size, total = check_size("max_buffered", max_buffered), self.max_buffered_total
        if total is not None and size > total:
            raise InvalidArgumentError(
                f"max_buffered={size} is more than max_buffered_total={total}, which is for all processes; lower it, or raise max_buffered_total"
            )
        return size


def parse_uri(uri: object) -> SplitResult:
    """Split a server's URI and complete its path. Raises InvalidArgumentError, whose text shows no credentials."""
    advice = f"write it like {DEFAULT_URI}"
    if not isinstance(uri, str):
        raise InvalidArgumentError(f"server_uri must be a str, not {type(uri).__name__}; {advice}")
    if any(c.isspace() or not c.isprintable() for c in uri):
        raise InvalidArgumentError(f"server_uri has white space or control characters; {advice}")
    shown = _without_secrets(uri)
    if not uri.lower().startswith(BEGINNINGS):
        raise InvalidArgumentError(
            f"server_uri{shown} does not start with {' or '.join(BEGINNINGS)}; {advice}"
        )
    parts = _split(uri)
    if parts is None:
        raise InvalidArgumentError(f"invalid host or port in server_uri{shown}; {advice}")
    if parts.fragment:
        raise InvalidArgumentError(f"server_uri {address_of(parts)} has a fragment; leave it out")
    if not _has_usable_credentials(parts):
        raise InvalidArgumentError(
            f"invalid user or password in server_uri {address_of(parts)}; write ws://user:password@host, percent-encoded"
        )
    return parts._replace(path=ENDPOINT_PATH) if parts.path in ("", "/") else parts


def _split(uri: str) -> SplitResult | None:
    """Split a URI; returns None if its host or port is missing or invalid."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
        if _as_address(host) is None:
            host.encode("idna")  # as resolving the host will
    except ValueError:
        return None
    return parts if host and port != 0 else None


def _has_usable_credentials(parts: SplitResult) -> bool:
    """Return whether a URI has no credentials, or a user and a password in percent-encoded UTF-8."""
    try:
        for credential in (parts.username, parts.password):
            unquote(credential or "", errors="strict")
    except ValueError:
        return False
    return parts.username is None or parts.password is not None


def _without_secrets(uri: str) -> str:
    """Return scheme, host and port of a URI, which may be invalid, for an error text; "" if a password may be in them."""
    scheme, separator, rest = uri.partition("://")
    authority = rest
    for delimiter in "/?#":
        authority = authority.partition(delimiter)[0]
    if "@" in rest[len(authority) :]:  # perhaps an unquoted / in a password
        return ""
    shown = scheme + separator + authority.rpartition("@")[2]
    return f" {shown[:URI_CHARACTERS]!r}"


def _check_tls(parts: SplitResult, context: object) -> None:
    if context is None:
        return
    if not isinstance(context, ssl_module.SSLContext):
        raise InvalidArgumentError(
            f"ssl is {type(context).__name__}, not SSLContext; pass ssl.create_default_context(), or leave it out"
        )
    if parts.scheme != "wss":
        raise InvalidArgumentError(
            f"ssl= can't be used with {address_of(parts)}; use wss://, or leave ssl out"
        )


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
        raise InvalidArgumentError(f"invalid header name {name!r}; use letters, digits and -")
    # Other text has no encoding that all releases of the WebSocket library, and all servers, agree on.
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidArgumentError(f"invalid value of header {name!r}; use printable ASCII text")


def _check_proxy(proxy: object) -> None:
    if isinstance(proxy, bool):
        return
    if not isinstance(proxy, str):
        raise InvalidArgumentError(
            f"proxy is {type(proxy).__name__}, not str or bool; pass a proxy's URL, True or False"
        )
    try:
        url = urlsplit(proxy)
        usable = url.scheme in PROXY_SCHEMES and bool(url.hostname) and url.port != 0 and proxy.isprintable()
    except ValueError:
        usable = False
    if not usable:
        raise bad_proxy()


def _checked_headers(headers: object) -> dict[str, str]:
    """Return a copy of headers. Raises InvalidArgumentError."""
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise InvalidArgumentError(
            f"headers must be a mapping, not {type(headers).__name__}; write them as {{name: value}}"
        )
    checked = dict(cast("Mapping[str, str]", headers))
    for name, value in checked.items():
        _check_header(name, value)
    return checked


def _is_printable(value: object) -> bool:
    """Return whether a value is printable text on one line."""
    return isinstance(value, str) and value.isprintable()


def _is_identity(identity: object) -> bool:
    """Return whether a value is ``tenant/user`` or ``user`` in printable ASCII, as servers require."""
    return isinstance(identity, str) and re.fullmatch(IDENTITY_PATTERN, identity) is not None


def bad_proxy() -> InvalidArgumentError:
    """Return the error for the URL of a proxy that can't be used."""
    return InvalidArgumentError("invalid proxy URL; write it like http://127.0.0.1:3128")


def address_of(parts: SplitResult) -> str:
    """Return scheme, host and port of a URI, for error texts."""
    # IPv6 addresses lose their brackets in parts.hostname.
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine, for which no proxy is needed. Nothing is sent or looked up in the network."""
    if is_loopback(host):
        return True
    name = _in_ascii(host)
    address = _as_any_address(name)
    if address is not None:
        return _is_own(address)
    own = socket_module.gethostname().lower()
    return name in (own, own.partition(".")[0]) or any(map(is_loopback, _addresses_in_hosts_file(name)))


def is_loopback(host: str) -> bool:
    """Return whether a host, however it is written, is this machine's loopback interface, which no proxy can reach."""
    name = _in_ascii(host)
    if name in LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    address = _as_any_address(name)
    if address is None:
        return False
    # Connecting to the unspecified address connects to the loopback interface.
    if address.is_loopback or address.is_unspecified:
        return True
    if address.version == 4 or int(address) >> 32 not in EMBEDDED_IPV4:
        return False
    return is_loopback(str(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)))


def _in_ascii(host: str) -> str:
    """Return a host as it is looked up: full-width digits and dots, too, become those of ASCII."""
    if not host.isascii():  # the codec takes milliseconds to load
        with contextlib.suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    return host.lower().removesuffix(".")


def _is_own(address: Address) -> bool:
    """Return whether an address is one of this machine's: what is sent to such an address would come from it."""
    family = socket_module.AF_INET if address.version == 4 else socket_module.AF_INET6
    try:
        with socket_module.socket(family, socket_module.SOCK_DGRAM) as unused:
            unused.connect((str(address), DISCARD_PORT))
            return _as_address(unused.getsockname()[0]) == address
    except OSError:
        return False


def _addresses_in_hosts_file(name: str) -> Iterator[str]:
    """Yield the addresses that the beginning of the hosts file gives for a name."""
    try:
        with open(HOSTS_FILE, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - without loading pathlib
            lines = file.read(HOSTS_CHARACTERS).splitlines()
    except OSError:
        return
    for line in lines:
        address, *names = line.partition("#")[0].lower().split() or [""]
        if name in names:
            yield address


def _as_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _as_any_address(host: str) -> Address | None:
    """Return an address that may be written as 127.1, 0x7f000001 or 2130706433, or None for a name."""
    if (address := _as_address(host)) is not None:
        return address
    try:
        return ipaddress.IPv4Address(socket_module.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def check_seconds(name: str, value: float) -> float:
    """Return a duration in seconds. Raises InvalidArgumentError if it is not a positive number."""
    try:
        usable = value > 0 and not isinstance(value, bool)
    except TypeError:
        usable = False
    if not usable:
        raise InvalidArgumentError(
            f"invalid {name}={value!r}; pass a positive number of seconds, or math.inf"
        )
    return value


def check_function(name: str, value: object) -> None:
    """Raise InvalidArgumentError unless a value can be called and returns at once: a coroutine is always true."""
    if not callable(value) or inspect.iscoroutinefunction(value):
        raise InvalidArgumentError(f"invalid {name}={value!r:.60}; pass a function that is not asynchronous")


def check_size(name: str, value: object) -> int:
    """Return a number of bytes. Raises InvalidArgumentError if it is not a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidArgumentError(f"invalid {name}={value!r}; pass a positive number of bytes")
    return value


def check_when_full(value: WhenFull) -> WhenFull:
    """Return what happens when too much is unread. Raises InvalidArgumentError if it is not one of the policies."""
    if value not in POLICIES:
        raise InvalidArgumentError(
            f"invalid when_full={value!r}; pass one of {', '.join(map(repr, POLICIES))}"
        )
    return value
