"""Split JSON-RPC messages into their members and join them again, without parsing the members' values.

So the values reach inferlets unchanged: parsing would lose large numbers, the order of keys and repeated keys. ``peer``
checks what the messages mean.
"""

import json
import re
from collections.abc import Callable, Mapping

from pie_client._generated.mcp import MEMBER_ID, MEMBER_PARAMS
from pie_client._generated.models import (
    JsonRpcFailure,
    JsonRpcNotification,
    JsonRpcRequest,
    JsonRpcResponse,
    McpErrorObject,
)
from pie_client.base import WireModel

LONG = 1 << 20
"""Characters above which a text is scanned in a thread and for its structure only: ``json`` would hold the GIL throughout."""

Members = dict[str, str]
"""The members of a message by name, each as its unchanged JSON text."""

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+'
_TOKEN = re.compile(rf'{_STRING}("|\\?\Z)|[{{}}\[\]]', re.DOTALL)
"""A string or a bracket. It also matches a string without an end: otherwise each quote in it would start another search,
which takes quadratic time."""
_SCALAR = re.compile(rf'{_STRING}"|[^,\]}}\s"{{\[]++', re.DOTALL)

_Skip = Callable[[str, int], int]


class NotJsonRpcError(ValueError):
    """A text that is not a JSON object or array."""


def read(text: str) -> list[Members]:
    """Return the messages in a text: one, or those of an array, in which anything but an object counts as an empty message."""
    skip = _skip_structure if len(text) > LONG else _skip_value
    start = _after_space(text, 0)
    match text[start : start + 1]:
        case "{":
            members, end = _object(text, start, skip)
            found = [members]
        case "[":
            found, end = _array(text, start, skip)
        case _:
            raise NotJsonRpcError("it is not a JSON object")
    if _after_space(text, end) != len(text):
        raise NotJsonRpcError("something follows the JSON object")
    return found


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object."""
    try:
        return text.lstrip()[:1] == "{" and len(read(text)) == 1
    except NotJsonRpcError:
        return False


def request(number: int, method: str, params: str | None) -> str:
    """Encode a request; ``params`` is JSON text."""
    return _with(JsonRpcRequest(id=number, method=method), {MEMBER_PARAMS: params})


def notification(method: str, params: str | None) -> str:
    """Encode a notification; ``params`` is JSON text."""
    return _with(JsonRpcNotification(method=method), {MEMBER_PARAMS: params})


def response(number: str) -> str:
    """Encode a response with an empty object; ``number`` is the JSON text of the request's id."""
    return _with(JsonRpcResponse(id=None, result={}), {MEMBER_ID: number})


def failure(number: str, code: int, message: str) -> str:
    """Encode a response with an error; ``number`` is the JSON text of the request's id."""
    return _with(
        JsonRpcFailure(id=None, error=McpErrorObject(code=code, message=message)), {MEMBER_ID: number}
    )


def _with(message: WireModel, raw: Mapping[str, str | None]) -> str:
    written = {name: json.dumps(value) for name, value in message.model_dump(exclude_none=True).items()}
    # A line feed in JSON text is white space between tokens, never part of a string. On stdio it would end the message.
    written |= {n: text.replace("\n", " ").replace("\r", " ") for n, text in raw.items() if text is not None}
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in written.items()) + "}"


def _object(text: str, start: int, skip: _Skip) -> tuple[Members, int]:
    members: Members = {}
    position = _after_space(text, start + 1)
    if text[position : position + 1] == "}":
        return members, position + 1
    while True:
        if text[position : position + 1] != '"':
            raise NotJsonRpcError("it is not JSON: a name is missing")
        end = _skip_value(text, position)
        name: str = json.loads(text[position:end])
        position = _after_space(text, end)
        if text[position : position + 1] != ":":
            raise NotJsonRpcError("it is not JSON: a colon is missing")
        begin = _after_space(text, position + 1)
        end = skip(text, begin)
        members[name] = text[begin:end]
        position, more = _separator(text, end, "}")
        if not more:
            return members, position


def _array(text: str, start: int, skip: _Skip) -> tuple[list[Members], int]:
    found: list[Members] = []
    position = _after_space(text, start + 1)
    if text[position : position + 1] == "]":
        return found, position + 1
    while True:
        if text[position : position + 1] == "{":
            members, end = _object(text, position, skip)
        else:
            members, end = {}, skip(text, position)
        found.append(members)
        position, more = _separator(text, end, "]")
        if not more:
            return found, position


def _separator(text: str, position: int, closing: str) -> tuple[int, bool]:
    position = _after_space(text, position)
    match text[position : position + 1]:
        case ",":
            return _after_space(text, position + 1), True
        case mark if mark == closing:
            return position + 1, False
        case _:
            raise NotJsonRpcError("it is not JSON: a comma is missing")


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _skip_value(text: str, start: int) -> int:
    try:
        end: int = _DECODER.raw_decode(text, start)[1]
    except RecursionError:
        return _skip_structure(text, start)
    except ValueError as error:
        raise NotJsonRpcError("it is not JSON") from error
    return end


def _skip_structure(text: str, start: int) -> int:
    """Return the end of a value, found by its brackets and strings only."""
    if text[start : start + 1] not in ("{", "["):
        scalar = _SCALAR.match(text, start)
        if scalar is None:
            raise NotJsonRpcError("it is not JSON: a value is missing")
        return scalar.end()
    depth = 0
    for token in _TOKEN.finditer(text, start):
        match text[token.start()]:
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
                if depth == 0:
                    return token.end()
            case _ if token[1] != '"':
                break
            case _:
                pass
    raise NotJsonRpcError("it is not JSON: a bracket is missing")
