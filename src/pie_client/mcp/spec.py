"""Check the arguments of ``register_mcp_server`` and turn them into a ``Spec``, which can open the server."""

import asyncio
import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pie_client._generated.mcp import HTTP, STDIO, TRANSPORTS, McpTransport
from pie_client.common.paths import path_text
from pie_client.connection.options import HEADER_NAME
from pie_client.errors import InvalidArgumentError, UnsupportedError
from pie_client.mcp.link import Link, Spec
from pie_client.mcp.stdio import StdioSpec

SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class HttpSpec:
    """A server that is reached over HTTP. Its URL and headers may contain secrets, so that ``repr`` leaves them out."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    idle_timeout: float
    """Seconds without a byte after which a request fails."""

    @property
    def transport(self) -> McpTransport:
        """The transport of the messages."""
        return HTTP

    async def open(self, name: str) -> Link:
        """Start a session."""
        try:
            # Importing the package takes half a second, which would block the event loop.
            await asyncio.to_thread(importlib.import_module, "pie_client.mcp.http")
            from pie_client.mcp.http import HttpLink  # noqa: PLC0415 - needs the extra
        except ImportError as error:
            raise UnsupportedError(
                f"transport={HTTP!r} needs the mcp package ({error}); run `pip install 'pie-client[mcp]'`"
            ) from error
        link = HttpLink(name, self.url, self.headers, self.idle_timeout)
        try:
            await link.open()
        except BaseException:
            link.kill()
            raise
        return link


def check_spec(
    name: str,
    transport: str,
    *,
    command: str | None,
    args: Sequence[str] | None,
    url: str | None,
    env: Mapping[str, str] | None,
    inherit_env: bool,
    cwd: str | os.PathLike[str] | None,
    headers: Mapping[str, str] | None,
    call_timeout: float,
) -> Spec:
    """Return the checked arguments as a ``Spec``. Raises InvalidArgumentError, which names the argument."""
    if not _is_text(name) or not name:
        raise InvalidArgumentError(
            f"name={name!r} is not valid; pass the name that inferlets call the MCP server by, as non-empty text"
        )
    if transport not in TRANSPORTS:
        known = " or ".join(map(repr, TRANSPORTS))
        raise InvalidArgumentError(f"unknown transport={transport!r}; pass {known}")
    # A check without bool(): callers without types exist.
    if inherit_env not in (True, False):
        raise InvalidArgumentError(f"inherit_env={inherit_env!r} is not a bool; pass True or False")
    values: dict[str, object] = {"command": command, "args": args, "env": env, "cwd": cwd}
    values |= {"inherit_env": inherit_env or None, "url": url, "headers": headers}
    foreign = ("url", "headers") if transport == STDIO else ("command", "args", "env", "inherit_env", "cwd")
    for argument in foreign:
        if values[argument] is not None:
            raise InvalidArgumentError(
                f"{argument}= can't be used with transport={transport!r}; leave it out"
            )
    if transport == STDIO:
        return _stdio(command, args, env, cwd, inherit_env=inherit_env)
    return HttpSpec(_url(url), _headers(headers), call_timeout)


def _stdio(
    command: str | None,
    args: Sequence[str] | None,
    env: Mapping[str, str] | None,
    cwd: str | os.PathLike[str] | None,
    *,
    inherit_env: bool,
) -> StdioSpec:
    if not command:
        raise InvalidArgumentError("command= is missing; pass the program that runs the MCP server")
    if not _is_text(command):
        raise InvalidArgumentError(
            "command= is not a str, or has a NUL or a lone surrogate; pass the program that runs the MCP server"
        )
    if isinstance(args, str) or not hasattr(args or (), "__iter__") or not all(map(_is_text, args or ())):
        raise InvalidArgumentError("args= is not a list of str; pass each argument as one element")
    folder = None if cwd is None else os.path.expanduser(path_text(cwd, "cwd="))  # noqa: PTH111 - pathlib would change the text
    return StdioSpec(str(command), tuple(args or ()), _environment(env), folder, inherit_env)


def _environment(env: Mapping[str, str] | None) -> Mapping[str, str]:
    values = _mapping("env", env)
    for name in values:
        if not name or "=" in name:
            raise InvalidArgumentError(f"invalid name {name!r} in env=; pass a name without =")
    return values


def _url(url: str | None) -> str:
    try:
        parts = urlsplit(url or "") if _is_text(url) else None
        usable = parts is not None and parts.scheme in SCHEMES and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise InvalidArgumentError("url= is not an http or https URL; pass http://HOST:PORT/PATH")
    return str(url)


def _headers(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    values = _mapping("headers", headers)
    # The HTTP library rejects others when it sends them, with an error text that may show them.
    for name, value in values.items():
        if not HEADER_NAME.fullmatch(name):
            raise InvalidArgumentError(f"invalid name {name!r} in headers=; use letters, digits and -")
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise InvalidArgumentError(
                f"invalid value of header {name!r}; use printable ASCII text without spaces around it"
            )
    return values


def _mapping(name: str, values: Mapping[str, str] | None) -> Mapping[str, str]:
    pairs: list[tuple[object, object]] = list(values.items()) if hasattr(values, "items") and values else []
    if (values and not pairs) or not all(_is_text(key) and _is_text(value) for key, value in pairs):
        raise InvalidArgumentError(
            f"{name}= does not map str to str, or has a NUL or a lone surrogate; pass a dict of text"
        )
    return dict(values or {})


def _is_text(value: object) -> bool:
    """Return whether a value is a str that can be encoded as UTF-8 and contains no NUL."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
