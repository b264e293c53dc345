from __future__ import annotations
import os
import re
import tomllib
from typing import TYPE_CHECKING
from pie_client._generated.families import FAMILIES, PROGRAM_PATTERN
from pie_client._generated.manifests import DEPENDENCIES, NAME, PACKAGE, VERSION, is_manifest
from pie_client.connection.threads import in_thread
from pie_client.errors import InvalidArgumentError, ManifestError, one_line
from pie_client.lazy import LazyModule
from pie_client.paths import as_path, read_regular
from pie_client.protocol import codec
import tomli_w
from pie_client._generated import models
PROGRAM = re.compile(PROGRAM_PATTERN)
VERSION_SEPARATOR = '@'
BYTE_ORDER_MARK = '\ufeff'
MANIFEST_BYTES = max((traits.frame_bytes for traits in FAMILIES.values()))

def split_program(inferlet: str) -> tuple[str, str]:
    ...

def parse_manifest(source: str | bytes | models.Manifest) -> models.Manifest:
    ...

def checked_manifest(source: str | bytes | models.Manifest) -> tuple[str, str]:
    ...

async def read_manifest(path: str | os.PathLike[str]) -> tuple[str, str]:
    ...
