import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import cast
from pie_client.errors import one_line
from pie_client.testing.engine.local_engine import LocalEngine
from pie_client.testing.inferlet.exceptions import line_of
REGISTER = 'register'

class CommandError(Exception):
    ...

async def load(path: Path, engine: LocalEngine) -> None:
    ...
