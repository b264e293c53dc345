import json
import re
from collections.abc import Callable, Mapping
from pie_client._generated.mcp import MEMBER_ID, MEMBER_PARAMS
from pie_client._generated.models import JsonRpcFailure, JsonRpcNotification, JsonRpcRequest, JsonRpcResponse, McpErrorObject
from pie_client.base import WireModel
LONG = 1 << 20
Members = dict[str, str]

class NotJsonRpcError(ValueError):
    ...

def read(text: str) -> list[Members]:
    ...

def is_object(text: str) -> bool:
    ...

def request(number: int, method: str, params: str | None) -> str:
    ...

def notification(method: str, params: str | None) -> str:
    ...

def response(number: str) -> str:
    ...

def failure(number: str, code: int, message: str) -> str:
    ...
