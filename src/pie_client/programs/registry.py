"""Find the highest version of a program in a program registry.

Takes a program's name and a registry's URL, and returns ``name@version``. Nothing is cached, and no connection to a Pie
server is used.
"""

import re
from codecs import BOM_UTF8
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from pie_client._generated.families import LISTING_PATH, PROGRAM_NAME_PATTERN, PROGRAM_PATTERN
from pie_client._generated.models import ProgramListing
from pie_client._generated.refusals import ProgramNotFoundError
from pie_client._version import __version__
from pie_client.connection.options import check_seconds
from pie_client.connection.threads import check_asyncio
from pie_client.errors import DeadlineError, InvalidArgumentError, RegistryError, one_line
from pie_client.programs.download import DownloadError, download
from pie_client.protocol.validation import validator

CALL = "resolve_version"
LISTING_BYTES = 8 << 20
"""Most bytes of a registry's answer; a version takes a few hundred."""
HEADERS = {"Accept": "application/json", "User-Agent": f"pie-client/{__version__}"}
NOT_FOUND = 404
IN_PATHS = "/%:@!$&'()*+,;=-._~"
"""Characters of a URL's path that are not quoted (RFC 3986); % because the path is quoted already."""


async def resolve_version(name: object, registry_url: object, timeout: float) -> str:
    """Return a program's name with its highest version; see :meth:`PieClient.resolve_version`."""
    check_asyncio()
    seconds = check_seconds("timeout", timeout)
    if isinstance(name, str) and "@" in name:
        return name
    if not isinstance(name, str) or not re.fullmatch(PROGRAM_NAME_PATTERN, name):
        raise InvalidArgumentError(
            f"{CALL} not sent: {name!r} is not a program's name; use letters, digits, - and _, or name@major.minor.patch"
        )
    registry = _check_url(registry_url)
    try:
        return await download(
            registry + LISTING_PATH.format(name=name),
            lambda body: _highest(name, registry, body),
            headers=HEADERS,
            limit=LISTING_BYTES,
            seconds=seconds,
        )
    except TimeoutError:
        raise DeadlineError(
            f"the registry {registry} did not answer within {seconds:g} s; raise timeout=, or check the registry"
        ) from None
    except DownloadError as error:
        if error.status == NOT_FOUND:
            raise ProgramNotFoundError(
                CALL,
                f"the registry {registry} has no such program",
                name,
                advice="check the name and the registry's URL",
            ) from None
        raise RegistryError(
            f"the registry {registry} {error}; check its URL, or try again later", status=error.status
        ) from error.__cause__


def _check_url(url: object) -> str:
    """Return a registry's URL in ASCII and without a slash at the end. Raises InvalidArgumentError, which shows no secret."""
    advice = "write it like https://registry.example.org"
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
        raise InvalidArgumentError(f"registry_url is not an http or https URL; {advice}")
    # Before anything shows the URL: these may hold secrets.
    if "?" in url or "#" in url or "@" in url.split("/")[2]:
        raise InvalidArgumentError(
            f"registry_url has a user, password, query or fragment, which are not sent; {advice}"
        )
    invalid = InvalidArgumentError(f"invalid host or port, or a space, in registry_url {url!r}; {advice}")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise invalid from None
    if not host or port == ":0" or any(c.isspace() or not c.isprintable() for c in url):
        raise invalid
    path = quote(parts.path.strip("/"), safe=IN_PATHS)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}" + (f"/{path}" if path else "")


def _highest(name: str, registry: str, body: bytes) -> str:
    """Return the highest version in a listing that servers launch. Raises RegistryError or ProgramNotFoundError."""
    try:
        listing: ProgramListing = validator(ProgramListing).validate_json(body.removeprefix(BOM_UTF8))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = one_line(".".join(map(str, first["loc"]))) or "it"
        what = "JSON" if first["type"] == "json_invalid" else f"a list of versions ({place}: {first['msg']})"
        raise RegistryError(
            f"the registry {registry} answered with something that is not {what}; check its URL"
        ) from None
    found = [version.num for version in listing.versions if not version.yanked]
    ranked = [(rank, num) for num in found if (rank := _rank(name, num)) is not None]
    if not ranked:
        raise ProgramNotFoundError(
            CALL,
            f"none of the {len(listing.versions)} versions in the registry {registry} can be launched",
            name,
            advice="publish one as major.minor.patch, or pass name@version",
        )
    return f"{name}@{max(ranked)[1]}"


def _rank(name: str, num: str) -> tuple[int, ...] | None:
    """Return the sort key of a version, or None if servers do not launch versions of its form."""
    if not re.fullmatch(PROGRAM_PATTERN, f"{name}@{num}"):
        return None
    try:
        return tuple(int(part) for part in num.split("."))
    except ValueError:
        return None  # more digits than Python parses
