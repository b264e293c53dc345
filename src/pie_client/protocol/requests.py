"""Check and encode requests before they are sent.

Raises for requests and fields that the server's family does not support, values that violate the schema, and frames that
the server would not read. It keeps no state: the session passes the family that it knows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVarTuple

from pie_client._generated.families import FAMILIES, Family
from pie_client._generated.methods import Method
from pie_client.errors import InvalidArgumentError, UnsupportedError
from pie_client.protocol import codec
from pie_client.protocol.codec import Fields

if TYPE_CHECKING:
    from pie_client.content import Chunk

Ts = TypeVarTuple("Ts")

SMALL_CHUNK = 0xFFFF
"""Most bytes of a chunk that is copied into its frame."""
SMALLEST_LIMIT = min(traits.frame_bytes for traits in FAMILIES.values())


def check_family(method: Method[object], family: Family) -> None:
    """Raise UnsupportedError if servers of ``family`` don't support a request."""
    if family not in method.families or family in method.useless:
        advice = f". {method.instead}" if method.instead else ""
        needed = _releases(set(method.families) - set(method.useless), method.since)
        raise UnsupportedError(
            f"{method.tag} needs a Pie {needed} server; this is Pie {_releases({family})}{advice}"
        )


def encode(
    method: Method[object], build: Callable[[*Ts], Fields], arguments: tuple[*Ts], family: Family | None
) -> tuple[Fields, bytes]:
    """Build and encode a request.

    Args:
        method: The request.
        build: Makes its fields.
        arguments: Arguments of ``build``: the correlation id, if the request has one.
        family: Family of the server; None until it is known.

    Returns:
        The fields, and the frame to send.

    Raises:
        InvalidArgumentError: A field has the wrong type or can't be encoded, or the frame is too large.
        UnsupportedError: The server's family does not know a field.
    """
    try:
        fields = build(*arguments)
        if method.fields and family is not None:
            _check_fields(method, fields, family)
        frame = codec.encode(fields)
    except UnicodeEncodeError:
        raise InvalidArgumentError(
            f"{method.tag} not sent: text has a lone surrogate, which UTF-8 can't encode; remove it"
        ) from None
    except ValueError as error:  # pydantic.ValidationError, which is not loaded for valid requests
        raise InvalidArgumentError(
            f"{method.tag} not sent: {codec.describe_validation_error(error)}; correct the argument"
        ) from None
    if len(frame) > SMALLEST_LIMIT:
        _check_size(method, len(frame), family)
    return fields, frame


def encode_chunk(
    method: Method[object],
    build: Callable[[Chunk], Fields],
    chunk: Chunk,
    data: bytes | memoryview,
    family: Family | None,
) -> tuple[Fields, *tuple[bytes | memoryview, ...]]:
    """Build and encode a request with a chunk. Raises as :func:`encode`.

    Args:
        method: The request.
        build: Makes its fields.
        chunk: The chunk without its bytes.
        data: Its bytes. Many are not copied: they become a part of their own.
        family: Family of the server; None until it is known.

    Returns:
        The fields without the bytes, and the parts of the frame to send.
    """
    is_large = type(data) in (bytes, memoryview) and len(data) > SMALL_CHUNK
    if not is_large:
        # Also what is not bytes at all, which the model refuses.
        data = data.tobytes() if isinstance(data, memoryview) else data
        return encode(method, build, (dataclasses.replace(chunk, data=data),), family)
    fields, frame = encode(method, build, (chunk,), family)
    head = codec.with_room(frame, len(data))
    if len(head) + len(data) > SMALLEST_LIMIT:
        _check_size(method, len(head) + len(data), family)
    return fields, head, data


def _check_fields(method: Method[object], fields: Fields, family: Family) -> None:
    for field, families in method.fields.items():
        if family not in families and fields.get(field) is not None:
            raise UnsupportedError(
                f"{field} of {method.tag} needs a Pie {_releases(families)} server; this is Pie {_releases({family})}. Leave it out"
            )


def _check_size(method: Method[object], size: int, family: Family | None) -> None:
    # A larger frame makes the server close the connection. Until the family is known, the smallest limit counts.
    limit = SMALLEST_LIMIT if family is None else FAMILIES[family].frame_bytes
    if size > limit:
        raise InvalidArgumentError(
            f"{method.tag} not sent: {size} bytes exceed the server's limit of {limit}; send less, or use transfer_file"
        )


def _releases(families: Iterable[Family], since: str = "") -> str:
    """Return the releases of families, e.g. ``"0.3 or 0.4"``; only ``since`` if it is not the first of any family."""
    if since and all(since != FAMILIES[name].releases[0] for name in families):
        return since
    return " or ".join(release for name in sorted(families) for release in FAMILIES[name].releases)
