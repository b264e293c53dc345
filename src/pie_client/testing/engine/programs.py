"""The programs of an engine: registered functions, and uploads that were accepted or refused."""

import re
import tomllib
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from pie_client._generated import models
from pie_client._generated.families import PROGRAM_PATTERN
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import REGISTRY_MANIFEST, ServerTraits
from pie_client.testing.faults.reactions import Refusal
from pie_client.testing.http.messages import DaemonFunction
from pie_client.testing.inferlet.exceptions import ProcessFailure
from pie_client.testing.inferlet.session import InferletFunction, InferletSession
from pie_client.testing.scripts.scripts import Script, ScriptLimits, check_script

PROGRAM = re.compile(PROGRAM_PATTERN.replace("[0-9]", r"\d"))  # servers accept the digits of every script
COMPONENT = b"\0asm\x0d\0\1\0"
"""First bytes of a WebAssembly component: magic, version and layer. A core module has another version."""
FOLDER = "LocalEngine; register it with @engine.inferlet"
"""What the server's sentences name as the folder in which a missing program was looked for."""
REGISTRY = "https://registry.invalid"
"""Registry in the server's sentences; the name is reserved (RFC 6761). The engine asks none."""


@dataclass(slots=True)
class StoredProgram:
    """An uploaded program, with the runtime section and the dependencies of its manifest."""

    program: str
    data: bytes
    runtime: models.ManifestRuntime
    dependencies: tuple[str, ...]
    function: InferletFunction | None = None
    """What its processes run, or None if it can't be installed."""


class Programs:
    """The programs of an engine.

    An upload is stored, then installed. As on real servers, one that can't be installed stays stored and is tried
    again when it is launched; one that is installed stays so until it is replaced.

    Args:
        traits: Facts of the server family.
        limits: Limits of each script, or None if scripts are not allowed to run.

    Attributes:
        functions: Registered inferlets by ``name@version``. They need no upload, and replace one.
        daemons: Registered daemons by ``name@version``.
    """

    def __init__(self, traits: ServerTraits, limits: ScriptLimits | None) -> None:
        self.functions: dict[str, InferletFunction] = {}
        self.daemons: dict[str, DaemonFunction] = {}
        self._traits = traits
        self._limits = limits
        self._stored: dict[str, StoredProgram] = {}

    @property
    def contents(self) -> dict[str, bytes]:
        """Content of the uploads that were not refused, by ``name@version``."""
        return {program: kept.data for program, kept in self._stored.items() if self.is_installed(program)}

    def has(self, program: str) -> bool:
        """Return whether a program is known, installed or not."""
        return self._is_registered(program) or program in self._stored

    def resolve(self, name: str) -> str:
        """Return the program that a launch means as ``name@version``, installed. Raises Refusal."""
        if self._traits.bare_program_names and "@" not in name:
            known = (*self.functions, *self.daemons, *self._stored)
            versions = [program for program in known if program.rpartition("@")[0] == name]
            if not versions:
                raise Refusal(texts.no_program_named(name=name))
            name = max(versions, key=_version_key)
        elif not PROGRAM.fullmatch(name):
            raise Refusal(texts.invalid_program_identifier(identifier=name))
        self.check_known(name)
        self.install(name)
        return name

    def check_known(self, program: str) -> None:
        """Refuse an unknown ``name@version``. Raises Refusal."""
        if self.has(program):
            return
        if self._traits.bare_program_names:
            raise Refusal(texts.program_not_installed(program=program, folder=FOLDER))
        name, _, version = program.rpartition("@")
        url = REGISTRY + REGISTRY_MANIFEST.format(name=name, version=version)
        raise Refusal(texts.manifest_not_in_registry(url=url))

    def read_manifest(self, text: str) -> tuple[models.Manifest, models.ManifestRuntime]:
        """Parse a manifest, and its runtime section in families that have one. Raises Refusal."""
        try:
            manifest = models.Manifest.model_validate(tomllib.loads(text))
            given = (manifest.runtime or {}) if self._traits.runs_scripts else {}
            runtime = models.ManifestRuntime.model_validate(given)
        except (ValueError, RecursionError) as error:
            reason = codec.describe_validation_error(error) if isinstance(error, ValidationError) else error
            raise _invalid_manifest(reason) from error
        if unknown := sorted(given.keys() - models.ManifestRuntime.model_fields.keys()):
            raise _invalid_manifest(f"unknown keys in [runtime]: {', '.join(unknown)}")
        return manifest, runtime

    def add(
        self, manifest: models.Manifest, runtime: models.ManifestRuntime, data: bytes, *, replace: bool
    ) -> None:
        """Store an upload and install it. Without ``replace`` an earlier upload stays, and no error says so.

        Raises:
            Refusal: The program can't be installed. Without ``replace`` this may be about the earlier upload.
        """
        program = f"{manifest.package.name}@{manifest.package.version}"
        # As on real servers, an upload of a known program without `replace` is accepted and ignored.
        if replace or not self.has(program):
            needs = tuple(f"{name}@{version}" for name, version in (manifest.dependencies or {}).items())
            self._stored[program] = StoredProgram(program, data, runtime, needs)
        self.install(program)

    def install(self, program: str) -> None:
        """Make a known program ready to be launched.

        Raises:
            Refusal: It can't be installed.
        """
        if self.is_installed(program):
            return
        upload = self._stored[program]
        for dependency in upload.dependencies if self._traits.verifies_dependencies else ():
            if not self.has(dependency):
                raise Refusal(
                    texts.dependency_not_installed(dependency=dependency, folder=FOLDER, program=program)
                )
        upload.function = self.inferlet_of(upload)

    def inferlet(self, program: str) -> InferletFunction:
        """Return the function that a process of a program runs."""
        if program in self.functions:
            return self.functions[program]
        if program in self.daemons:
            return failing(texts.NO_RUN_INTERFACE)
        return self._stored[program].function or failing(texts.component_not_found(program=program))

    def inferlet_of(self, upload: StoredProgram) -> InferletFunction:
        """Return the function that a process of an upload runs.

        Raises:
            Refusal: It can't be installed.
        """
        language = upload.runtime.language
        if language is None:
            if not upload.data.startswith(COMPONENT):
                raise Refusal(texts.compile_failed(detail=texts.WASM_NOT_PARSED))
            return failing(
                f"{upload.program} is WebAssembly, which LocalEngine does not run; "
                f'register a function for it with @engine.inferlet("{upload.program}")'
            )
        check_script(upload.program, language, upload.data)
        if self._limits is None:
            return failing(f"{upload.program} is a script; pass allow_scripts=True to LocalEngine to run it")
        return Script(upload.program, upload.data, upload.runtime, self._limits).run

    def is_installed(self, program: str) -> bool:
        """Return whether a program can be launched as it is."""
        stored = self._stored.get(program)
        return self._is_registered(program) or (stored is not None and stored.function is not None)

    def _is_registered(self, program: str) -> bool:
        return program in self.functions or program in self.daemons


def _invalid_manifest(detail: object) -> Refusal:
    return Refusal(texts.invalid_manifest(detail=texts.manifest_toml_invalid(detail=detail)))


def _version_key(program: str) -> tuple[int, ...]:
    """Return a sort key for the versions of a program. A part that is not a number comes first."""
    parts = program.rpartition("@")[2].split(".")
    return tuple(int(part) if part.isdecimal() else -1 for part in parts)


def failing(text: str) -> InferletFunction:
    """Return an inferlet that fails with this text."""

    async def fail(_session: InferletSession, _input: JsonValue) -> object:
        raise ProcessFailure(text)

    return fail
