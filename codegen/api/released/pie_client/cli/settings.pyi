from __future__ import annotations
import getpass
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from pie_client import PieClient
from pie_client._generated.families import DEFAULT_PORT, DEFAULT_URI, DEFAULT_USER
from pie_client.errors import InvalidArgumentError, one_line
from pie_client.lazy import LazyModule
from pie_client.paths import as_path, read_regular
import tomllib
import platformdirs
CONFIG_VARIABLE = 'PIE_CONFIG'
PASSPHRASE_VARIABLE = 'PIE_KEY_PASSPHRASE'
HIDDEN = '(hidden)'
CONFIG_BYTES = 1 << 20
PUBLISHED_HOME_VARIABLE = 'PIE_CLI_HOME'
PUBLISHED_FILE = 'cli_config.toml'
PUBLISHED_SETTINGS = {'host', 'port', 'username', 'private_key_path', 'enable_auth'}

@dataclass(frozen=True)
class Setting:
    name: str
    meaning: str
    kind: str
    default: str | None = None
    secret: bool = False

    @property
    def variable(self) -> str:
        ...
SETTINGS = ...

class Value(NamedTuple):
    text: str
    source: str

class ConfigFile(NamedTuple):
    path: Path | None
    values: Mapping[str, str]
    published: bool = False

def config_path(given: Path | None) -> Path | None:
    ...

def read_config(given: Path | None) -> ConfigFile:
    ...

def read_published() -> ConfigFile | None:
    ...

def shown(name: str, value: str) -> str:
    ...

def check(name: str, value: Value) -> None:
    ...

def seconds_of(value: Value) -> float:
    ...

def resolve(flags: Mapping[str, str | None], config: Path | None=None) -> dict[str, Value]:
    ...
