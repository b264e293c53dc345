import os
import warnings
import weakref
from typing import TYPE_CHECKING
from blake3 import blake3
from pie_client._generated.families import FAMILIES
from pie_client._generated.methods import ADD_PROGRAM, CHECK_PROGRAM
from pie_client.connection.connection import Connection
from pie_client.connection.contents import Progress, Source, open_content
from pie_client.connection.deadline import ProgressLock
from pie_client.connection.options import check_function
from pie_client.content import Content
from pie_client.errors import HashesNotComparedWarning, InvalidArgumentError, ProgramExistsError, UnsupportedError
from pie_client.paths import as_path
from pie_client.programs.manifest import checked_manifest, read_manifest, split_program
from pie_client._generated.models import Manifest

class Programs:

    def __init__(self) -> None:
        ...

    def forget(self) -> None:
        ...

    async def has(self, inferlet: str, *, timeout: float | None) -> bool:
        ...

    async def has_as(self, inferlet: str, wasm: str | os.PathLike[str] | None, manifest: str | os.PathLike[str] | None, *, timeout: float | None) -> bool:
        ...

    async def install(self, source: Source, manifest: str, program: str, *, force: bool, progress: Progress | None, timeout: float | None) -> str:
        ...

    async def ensure(self, source: str, described: 'Manifest', *, pinned: bool) -> str:
        ...
