"""Asks a program registry which versions of a program there are."""

import asyncio
import http.client
import math
import re
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from pie_client._generated.families import LISTING_PATH, PROGRAM_NAME_PATTERN, PROGRAM_PATTERN
from pie_client._generated.models import ProgramListing
from pie_client._generated.refusals import ProgramNotFoundError
from pie_client._version import __version__
from pie_client.connection.deadline import check_seconds
from pie_client.errors import DeadlineError, InvalidArgumentError, RegistryError, one_line
from pie_client.programs.download import Download, TooLargeError, in_thread

CALL = "resolve_version"
LISTING_BYTES = 8 << 20
"""Most bytes of a registry's answer; a version takes a few hundred."""
HEADERS = {"Accept": "application/json", "User-Agent": f"pie-client/{__version__}"}
NOT_FOUND = 404
IN_PATHS = "/%:@!$&'()*+,;=-._~"
"""What may stand in a URL's path as it is (RFC 3986); % because it is quoted already."""


async def resolve_version(name: str, registry_url: str, timeout: float) -> str:
    """Complete a program's name with its highest version; see :meth:`PieClient.resolve_version`."""
    seconds = check_seconds("timeout", timeout)
    if _names_a_version(name):
        return name
    registry = _registry(registry_url)
    url = registry + LISTING_PATH.format(name=quote(name, safe=""))
    download = Download(url, headers=HEADERS, limit=LISTING_BYTES, seconds=seconds)
    scope = asyncio.timeout(None if seconds == math.inf else seconds)
    try:
        async with scope:
            return await in_thread(lambda: _newest(name, registry, download.run()), f"pie_client {CALL}")
    except HTTPError as error:
        raise _refusal(name, registry, error.code) from None
    except TooLargeError:
        raise RegistryError(
            f"the registry {registry} answered with more than {LISTING_BYTES} bytes; check its URL"
        ) from None
    except OSError as error:
        reason = error.reason if isinstance(error, URLError) else error
        if (
            isinstance(reason, TimeoutError) and reason.errno is None
        ):  # not the system's own, which comes sooner
            raise DeadlineError(
                f"the registry {registry} did not answer within {seconds:g} s; raise timeout=, or check the registry"
            ) from None
        raise RegistryError(
            f"the registry {registry} can't be reached: {one_line(str(reason))}; check its URL and the network"
        ) from error
    except http.client.IncompleteRead:
        raise RegistryError(
            f"the registry {registry} broke off in the middle of its answer; try again"
        ) from None
    except http.client.HTTPException as error:
        raise RegistryError(
            f"the registry {registry} does not speak HTTP as it should ({type(error).__name__}); check its URL"
        ) from None
    except ValueError:
        raise RegistryError(
            f"the registry {registry} redirects to something that is no URL; check its URL"
        ) from None
    finally:
        download.abort()


def _names_a_version(name: object) -> bool:
    """Tell whether there is nothing to complete. Raises InvalidArgumentError where it is no program's name."""
    if isinstance(name, str) and ("@" in name or re.fullmatch(PROGRAM_NAME_PATTERN, name)):
        return "@" in name
    raise InvalidArgumentError(
        f"{CALL} not sent: {name!r} is no program's name; write letters, digits, - and _, or name@major.minor.patch"
    )


def _registry(url: object) -> str:
    """Check a registry's URL and write it without a slash at the end. Raises InvalidArgumentError, which shows no secret."""
    advice = "write it like https://registry.example.org"
    if not isinstance(url, str):
        raise InvalidArgumentError(f"registry_url is not text but {type(url).__name__}; {advice}")
    if any(c.isspace() or not c.isprintable() for c in url):
        raise InvalidArgumentError(f"registry_url has spaces or control characters in it; {advice}")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError:
        raise InvalidArgumentError(
            f"registry_url is not a URL, or its host or port is none; {advice}"
        ) from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise InvalidArgumentError(f"registry_url is not an http or https URL; {advice}")
    if "@" in parts.netloc:
        raise InvalidArgumentError(
            "registry_url has a user or password in it, which are not sent; leave them out"
        )
    if "?" in url or "#" in url:
        raise InvalidArgumentError(
            "registry_url has a query or fragment, but a path is added to it; leave them out"
        )
    address = f"[{host}]" if ":" in host else host
    if port is not None:
        address += f":{port}"
    path = quote(parts.path.strip("/"), safe=IN_PATHS)
    return f"{parts.scheme}://{address}" + (f"/{path}" if path else "")


def _newest(name: str, registry: str, body: bytes) -> str:
    """Choose the highest version that servers launch."""
    try:
        listing = ProgramListing.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise RegistryError(
                f"the registry {registry} answered with something that is no JSON; check its URL"
            ) from None
        place = one_line(".".join(map(str, first["loc"]))) or "it"
        raise RegistryError(
            f"the registry {registry} answered with something that is no list of versions: {place}: {first['msg']}; check its URL"
        ) from None
    found = [version.num for version in listing.versions if not version.yanked]
    ranked = [(rank, num) for num in found if (rank := _rank(name, num)) is not None]
    if not ranked:
        raise ProgramNotFoundError(
            CALL,
            f"the registry {registry} lists no version of it that servers launch, among {len(listing.versions)}",
            name,
            advice="publish one as major.minor.patch, or name a version yourself",
        )
    return f"{name}@{max(ranked)[1]}"


def _rank(name: str, num: str) -> tuple[int, ...] | None:
    """Give what orders a version among others; None where servers launch none of its form."""
    if not re.fullmatch(PROGRAM_PATTERN, f"{name}@{num}"):
        return None
    try:
        return tuple(int(part) for part in num.split("."))
    except ValueError:
        return None  # more digits than Python reads


def _refusal(name: str, registry: str, status: int) -> RegistryError | ProgramNotFoundError:
    if status == NOT_FOUND:
        return ProgramNotFoundError(
            CALL,
            f"the registry {registry} has no such program",
            name,
            advice="check the name and the registry's URL",
        )
    return RegistryError(
        f"the registry {registry} answered with HTTP status {status}; check its URL, or try again later",
        status=status,
    )
