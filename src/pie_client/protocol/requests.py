"""Check and encode requests before they are sent.

Raises for requests and fields that the server's family does not support, values that violate the schema, and frames that
the server would not read. It keeps no state: the session passes the family that it knows.
"""

from collections.abc import Callable

from pie_client._generated.families import FAMILIES, Family
from pie_client._generated.methods import CAPABILITIES, Method
from pie_client.errors import InvalidArgumentError, UnsupportedError
from pie_client.protocol import codec
from pie_client.protocol.codec import Fields


def check_family(method: Method[object], family: Family) -> None:
    """Raise UnsupportedError if servers of ``family`` don't support a request."""
    if method.tag not in CAPABILITIES[family] or family in method.useless:
        advice = f". {method.instead}" if method.instead else ""
        needed = _releases(method.families - method.useless, method.since)
        raise UnsupportedError(
            f"{method.tag} needs a Pie {needed} server; this is Pie {_releases({family})}{advice}"
        )


def build_message(method: Method[object], build: Callable[[], Fields], family: Family | None) -> Fields:
    """Build the fields of a request; raises InvalidArgumentError or, for a field of another family, UnsupportedError."""
    try:
        message = build()
    except ValueError as error:  # pydantic.ValidationError, which is not loaded for valid requests
        raise InvalidArgumentError(
            f"{method.tag} not sent: {codec.describe_validation_error(error)}; correct the argument"
        ) from None
    if family is not None:
        for field, families in method.fields.items():
            if family not in families and message.get(field) is not None:
                raise UnsupportedError(
                    f"{field} of {method.tag} needs a Pie {_releases(families)} server; this is Pie {_releases({family})}. Leave it out"
                )
    return message


def encode_message(method: Method[object], message: Fields, family: Family | None) -> bytes:
    """Encode a request; raises InvalidArgumentError if it can't be encoded or is too large."""
    try:
        frame = codec.encode(message)
    except UnicodeEncodeError:
        raise InvalidArgumentError(
            f"{method.tag} not sent: text has a lone surrogate, which UTF-8 can't encode; remove it"
        ) from None
    # A larger frame makes the server close the connection. Until the family is known, the smallest limit counts.
    known = [FAMILIES[family]] if family is not None else FAMILIES.values()
    limit = min(traits.frame_bytes for traits in known)
    if len(frame) > limit:
        raise InvalidArgumentError(
            f"{method.tag} not sent: {len(frame)} bytes exceed the server's limit of {limit}; send less, or use transfer_file"
        )
    return frame


def _releases(families: set[Family] | frozenset[Family], since: str = "") -> str:
    """Return the releases of families, e.g. ``"0.3 or 0.4"``; only ``since`` if it is not the first of any family."""
    if since and all(since != FAMILIES[name].releases[0] for name in families):
        return since
    return " or ".join(release for name in sorted(families) for release in FAMILIES[name].releases)
