import asyncio
import base64
import contextlib
import hashlib
import logging
import math
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING
from pie_client.auth.keys import RSA, check_kind, hash_of
from pie_client.connection.options import check_seconds
from pie_client.connection.threads import check_asyncio
from pie_client.errors import AgentError, DeadlineError, InvalidArgumentError, InvalidKeyError, one_line
from pie_client.paths import path_text
from asyncssh import SSHAgentClient
from pie_client.auth.keys import PublicKey
logger = logging.getLogger(__name__)
LIST_SECONDS = 10.0
SOCKET_VARIABLE = 'SSH_AUTH_SOCK'
SIGNATURE_FORMATS = ...
AGENT_FAILURES = (OSError, EOFError, ValueError)

class AgentKey:

    def __init__(self, path: str, blob: bytes, comment: str='') -> None:
        self.kind = ...
        self.comment = ...
        self.fingerprint = ...

    def __repr__(self) -> str:
        ...

    async def sign_challenge(self, challenge: bytes) -> bytes:
        ...

async def agent_keys(path: str | os.PathLike[str] | None=None, *, timeout: float | None=None) -> list[AgentKey]:
    ...
