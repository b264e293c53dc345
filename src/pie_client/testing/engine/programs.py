"""Programs that were uploaded to the embedded engine: which it keeps, which it refuses, and what runs each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from pie_client._generated import models
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.inferlet.session import InferletFunction, InferletSession, ProcessFailure
from pie_client.testing.scripts.scripts import RejectedScript, Script, ScriptLimits, check_script

COMPONENT = b"\0asm\x0d\0\1\0"
"""First bytes of a WebAssembly component: magic, version and layer. A core module has another version."""


class RejectedProgram(Exception):  # noqa: N818 - its text is the server's reply
    """A program that can't be installed; unless its manifest is wrong it is known all the same, as on real servers."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An upload as it came."""

    program: str
    data: bytes
    runtime: models.ManifestRuntime
    needs: tuple[str, ...]
    """Programs that it depends on."""


class Catalogue:
    """The uploads of an engine.

    Keeping and installing are two steps, as on real servers: what was kept but could not be installed is tried again
    when it is launched, and what was installed stays so until it is replaced.

    Args:
        traits: The server family.
        stands_in: Tells whether the engine has a function that plays a program; such a program needs no upload, and
            one is kept without a look at it.
        folder: Where the texts say that programs are.
        limits: What the process of a script may use; None where scripts don't run.
    """

    def __init__(
        self,
        traits: ServerTraits,
        *,
        stands_in: Callable[[str], bool],
        folder: str,
        limits: ScriptLimits | None,
    ) -> None:
        self._traits = traits
        self._stands_in = stands_in
        self._folder = folder
        self._limits = limits
        self._kept: dict[str, Kept] = {}
        self._installed: dict[str, InferletFunction] = {}

    def __contains__(self, program: object) -> bool:
        """Tell whether an upload is known, be it sound or not."""
        return program in self._kept

    def __iter__(self) -> Iterator[str]:
        """Give the programs that are known, by ``name@version``."""
        return iter(self._kept)

    def __len__(self) -> int:
        """Tell how many there are."""
        return len(self._kept)

    @property
    def contents(self) -> dict[str, bytes]:
        """The uploads that are not refused."""
        return {program: kept.data for program, kept in self._kept.items() if self._is_installed(program)}

    def keep(self, manifest: models.Manifest, data: bytes, *, replaces: bool) -> None:
        """Keep an upload, unless there is one of its name and version and it does not replace that; then install it.

        Raises:
            RejectedProgram: It can't be installed; without ``replaces`` this may be said of what was there before.
        """
        package = manifest.package
        program = f"{package.name}@{package.version}"
        runtime = self._runtime(manifest)
        if replaces or not (program in self._kept or self._stands_in(program)):
            needs = tuple(f"{name}@{version}" for name, version in (manifest.dependencies or {}).items())
            self._kept[program] = Kept(program, data, runtime, needs)
            self._installed.pop(program, None)
        self.install(program)

    def install(self, program: str) -> None:
        """Make a program that is known ready to be launched. Raises RejectedProgram."""
        if self._is_installed(program):
            return
        for needed in self._dependencies(program):
            if self._is_installed(needed):
                continue
            language = self._kept[needed].runtime.language
            if language is not None:
                text = texts.dependency_is_script(program=program, dependency=needed, language=language)
                raise RejectedProgram(text)
            self._installed[needed] = self._runner(self._kept[needed])
        self._installed[program] = self._runner(self._kept[program])

    def function(self, program: str) -> InferletFunction | None:
        """Give what plays a program that is installed; None for others."""
        function = self._installed.get(program)
        if function is not None and self._traits.verifies_dependencies:
            for needed in self._dependencies(program):
                if not self._is_installed(needed):
                    return failing(texts.dependency_not_found(program=needed))
        return function

    def _is_installed(self, program: str) -> bool:
        return program in self._installed or self._stands_in(program)

    def _dependencies(self, program: str) -> list[str]:
        """Give all programs that one needs, in the order in which a real server looks at them. Raises RejectedProgram."""
        found: list[str] = []
        waiting = sorted(self._kept[program].needs) if self._traits.verifies_dependencies else []
        while waiting:
            needed = waiting.pop()
            if needed == program or needed in found:
                continue
            found.append(needed)
            if needed in self._kept:
                waiting += sorted(self._kept[needed].needs)
            elif not self._stands_in(needed):
                raise RejectedProgram(
                    texts.dependency_not_installed(dependency=needed, folder=self._folder, program=program)
                )
        return found

    def _runtime(self, manifest: models.Manifest) -> models.ManifestRuntime:
        """Give what a manifest says of scripts. Raises RejectedProgram."""
        if not self._traits.runs_scripts:
            return models.ManifestRuntime()
        given = manifest.runtime or {}
        known = sorted(models.ManifestRuntime.model_fields)
        try:
            runtime = models.ManifestRuntime.model_validate(given)
            if unknown := sorted(given.keys() - set(known)):
                detail = f"unknown field `{unknown[0]}`, expected one of {', '.join(known)}"
                raise RejectedProgram(
                    texts.invalid_manifest(detail=texts.manifest_toml_invalid(detail=detail))
                )
        except ValidationError as error:
            detail = texts.manifest_toml_invalid(detail=codec.describe_validation_error(error))
            raise RejectedProgram(texts.invalid_manifest(detail=detail)) from error
        return runtime

    def _runner(self, kept: Kept) -> InferletFunction:
        """Give what plays an upload. Raises RejectedProgram."""
        language = kept.runtime.language
        if language is None:
            if not kept.data.startswith(COMPONENT):
                raise RejectedProgram(texts.compile_failed(detail=texts.WASM_NOT_PARSED))
            return failing(
                f"{kept.program} is WebAssembly, which LocalEngine does not run; "
                f'register a function for it with @engine.inferlet("{kept.program}")'
            )
        try:
            check_script(kept.program, language, kept.data)
        except RejectedScript as error:
            raise RejectedProgram(str(error)) from error
        if self._limits is None:
            return failing(f"{kept.program} is a script; pass allow_scripts=True to LocalEngine to run it")
        return Script.of(kept.program, kept.runtime, kept.data, self._limits).run


def failing(text: str) -> InferletFunction:
    """Return an inferlet that fails with this text."""

    async def fail(_session: InferletSession, _input: JsonValue) -> object:
        raise ProcessFailure(text)

    return fail
