import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast
from pie_client.cli.running import UsageError
from pie_client.errors import one_line
from pie_client.lazy import LazyModule
from pie_client._generated import models
from pie_client.programs import manifest
STDIN = '-'
WORDS = {'true': True, 'false': False}
Kind = Literal['string', 'int', 'float', 'bool']
Parameters = Mapping[str, 'models.ManifestParameter']

def read_parameters(path: Path) -> Parameters | None:
    ...

def make_input(text: str | None, file: Path | None, flags: Sequence[str], parameters: Parameters | None) -> object:
    ...

def parse_flags(flags: Sequence[str], parameters: Parameters | None=None) -> dict[str, object]:
    ...

def standard_input() -> io.TextIOWrapper:
    ...

def parse_json(text: str | bytes) -> object:
    ...
