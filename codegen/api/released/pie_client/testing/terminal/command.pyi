import argparse
import asyncio
import dataclasses
import inspect
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from pie_client._generated.decoders import PROCESS_EVENT
from pie_client._generated.families import DEFAULT_PORT, FAMILIES, NEWEST, UPLOAD_BYTES
from pie_client._generated.methods import AUTH_BY_TOKEN, AUTH_PROVE, REGISTER_MCP_SERVER
from pie_client._generated.registry import BINARY_MESSAGES, CLIENT_MESSAGES, TEXT_MESSAGES
from pie_client.arguments import Parser
from pie_client.connection.observing import ObservedFrame, observed
from pie_client.errors import InvalidArgumentError
from pie_client.interrupts import BROKEN_PIPE_STATUS
from pie_client.testing.engine.authentication import PEM
from pie_client.testing.engine.local_engine import LocalEngine
from pie_client.testing.scripts.scripts import ScriptLimits
from pie_client.testing.terminal.loading import REGISTER, CommandError, load
from pie_client.testing.terminal.stopping import Stopping, write_error
PLAIN_MESSAGES = ...
LIMITS = {field.name: field.default for field in dataclasses.fields(ScriptLimits)}
LONGEST_STOP: Final = 86400
REPEATED: Final[dict[str, Any]] = {'action': 'append', 'default': []}

def main(arguments: Sequence[str] | None=None, *, name: str='python -m pie_client.testing') -> int:
    ...

def print_frame(frame: ObservedFrame) -> None:
    ...
