"""Check whether a server has a program, and install programs.

Takes a build or a script with its checked manifest, and returns ``name@version``. ``connection.uploads`` sends the chunks.
"""

import os
import warnings
import weakref
from typing import TYPE_CHECKING

from blake3 import blake3

from pie_client._generated.families import FAMILIES
from pie_client._generated.methods import ADD_PROGRAM, CHECK_PROGRAM
from pie_client.common.paths import as_path
from pie_client.connection.connection import Connection
from pie_client.connection.contents import Progress, Source, open_content
from pie_client.connection.deadline import ProgressLock
from pie_client.connection.options import check_function
from pie_client.content import Content
from pie_client.errors import (
    HashesNotComparedWarning,
    InvalidArgumentError,
    ProgramExistsError,
    UnsupportedError,
)
from pie_client.programs.manifest import checked_manifest, read_manifest, split_program

if TYPE_CHECKING:
    from pie_client._generated.models import Manifest


class Programs:
    """The programs of one connection's server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._locks: weakref.WeakValueDictionary[str, ProgressLock] = weakref.WeakValueDictionary()
        self._installed: dict[str, tuple[str, str]] = {}
        """Digests of the program and the manifest that this connection installed last, by ``name@version``.

        A new tuple for each installation.
        """

    def forget(self) -> None:
        """Forget what was installed: the server may have been replaced."""
        self._installed.clear()

    async def has(self, inferlet: str, *, timeout: float | None) -> bool:
        """Return whether the server has a program."""
        name, version = split_program(inferlet)
        return await self._connection.calls.check_program(name=name, version=version, timeout=timeout)

    async def has_as(
        self,
        inferlet: str,
        wasm: str | os.PathLike[str] | None,
        manifest: str | os.PathLike[str] | None,
        *,
        timeout: float | None,
    ) -> bool:
        """Return whether the server has a program; warn that it does not compare it with these files."""
        name, version = split_program(inferlet)
        wasm_hash = manifest_hash = None
        if manifest is not None:
            text, program = await read_manifest(manifest)
            if program != inferlet:
                raise InvalidArgumentError(
                    f"{os.fspath(manifest)} is the manifest of {program}, not of {inferlet}; pass the manifest of {inferlet}"
                )
            manifest_hash = blake3(text.encode()).hexdigest()
        if wasm is not None:
            async with (
                self._connection.deadline(CHECK_PROGRAM, timeout, sent=False) as deadline,
                open_content(as_path(wasm), None, deadline, replied=True) as content,
            ):
                wasm_hash = content.digest
        family = await self._connection.family(timeout)
        known = all(family in families for families in CHECK_PROGRAM.fields.values())
        present = await self._connection.calls.check_program(
            name=name,
            version=version,
            wasm_hash=wasm_hash if known else None,
            manifest_hash=manifest_hash if known else None,
            timeout=timeout,
        )
        if present:
            warnings.warn(
                f"the server has {inferlet} but did not compare the files; install with force_overwrite=True to replace them",
                HashesNotComparedWarning,
                stacklevel=3,
            )
        return present

    async def install(
        self,
        source: Source,
        manifest: str,
        program: str,
        *,
        force: bool,
        progress: Progress | None,
        timeout: float | None,
    ) -> str:
        """Upload a program and return its ``name@version``. Raises ProgramExistsError if the server has that version."""
        lock = self._locks.setdefault(program, ProgressLock())
        before = self._installed.get(program)

        def report(sent: int, total: int) -> None:
            lock.report_progress()
            if progress is not None:
                progress(sent, total)

        if progress is not None:
            check_function("progress", progress)
        async with (
            self._connection.deadline(ADD_PROGRAM, timeout, sent=False) as deadline,
            open_content(source, report, deadline, replied=True) as content,
            # Concurrent installs of one version take turns. Otherwise both would find it missing, and the second would
            # overwrite the first or collide with its upload.
            lock.hold(deadline),
        ):
            deadline.disable()  # check and upload below have their own
            identity = content.digest, blake3(manifest.encode()).hexdigest()
            if not force and await self.has(program, timeout=timeout):
                installed = self._installed.get(program)
                # An equal install that has finished since this one began is as good as this one.
                if installed is not before and installed == identity:
                    return program
                raise _exists(program)
            await self._upload(content, manifest, timeout)
            self._installed[program] = identity
        return program

    async def ensure(self, source: str, described: "Manifest", *, pinned: bool, timeout: float | None) -> str:
        """Install a script if the server does not have it, and return ``name@version``.

        Args:
            source: Text of the script.
            described: Its manifest.
            pinned: The version was not derived from the source, so that the server may have another script under it:
                upload it once per connection.
            timeout: Seconds for each request; None for the client's default.
        """
        data = source.encode()
        manifest, program = checked_manifest(described)
        identity = blake3(data).hexdigest(), blake3(manifest.encode()).hexdigest()
        family = FAMILIES[await self._connection.family(timeout)]
        if not family.runs_scripts:
            raise UnsupportedError(
                f"run of {described.package.name!r} not sent: {family.title} servers don't run Python functions; build a WebAssembly program"
            )
        async with (
            self._connection.deadline(ADD_PROGRAM, timeout, sent=False) as deadline,
            self._locks.setdefault(program, ProgressLock()).hold(deadline),
        ):
            deadline.disable()
            if self._installed.get(program) != identity:
                if pinned or not await self.has(program, timeout=timeout):
                    await self._upload(data, manifest, timeout)
                self._installed[program] = identity
        return program

    async def _upload(self, content: bytes | Content, manifest: str, timeout: float | None) -> None:
        # Always with force_overwrite, even right after the server reported the program missing. Another client may have
        # installed it since: without the flag the server would keep that program and still reply with success.
        await self._connection.calls.add_program(
            content=content, manifest=manifest, force_overwrite=True, timeout=timeout
        )


def _exists(program: str) -> ProgramExistsError:
    return ProgramExistsError(
        f"{ADD_PROGRAM.tag} of {program!r} not sent: the server already has this version; pass force_overwrite=True, or use another version"
    )
