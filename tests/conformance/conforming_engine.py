"""LocalEngine with a reader and an upload check that imitate a real server byte by byte, error texts included."""

from pie_client._generated import models
from pie_client.testing import LocalEngine
from pie_client.testing.engine.programs import FOLDER, Programs, StoredProgram, failing
from pie_client.testing.engine.refusal import Refusal
from pie_client.testing.engine.state import EngineState
from pie_client.testing.inferlet.session import InferletFunction
from tests.conformance import program_paths
from tests.conformance.wasm_layout import MalformedComponentError, exports
from tests.conformance.wire_reader import WireReader
from tests.conformance.wire_schema import server_text


class ConformingPrograms(Programs):
    """Refuses names that are not file names, and binaries without the layout of a component."""

    def read_manifest(self, text: str) -> tuple[models.Manifest, models.ManifestRuntime]:
        manifest, runtime = super().read_manifest(text)
        package = manifest.package
        if self._traits.verifies_dependencies:
            reason = program_paths.refusal(package.name, package.version, runtime.language)
            if reason is not None:
                raise Refusal(reason)
        return manifest, runtime

    def install(self, program: str) -> None:
        if not self._is_installed(program):
            for dependency in self._dependencies(program):
                self._install_dependency(program, dependency)
        super().install(program)

    def _install_dependency(self, program: str, dependency: str) -> None:
        if self._is_installed(dependency):
            return
        upload = self._stored[dependency]
        if (language := upload.runtime.language) is not None:
            text = server_text(
                "dependency_is_script", program=program, dependency=dependency, language=language
            )
            raise Refusal(text)
        self._installed[dependency] = self.inferlet_of(upload)

    def inferlet(self, program: str) -> InferletFunction:
        if program in self._installed:
            for dependency in self._dependencies(program):
                if not self._is_installed(dependency):
                    return failing(server_text("dependency_not_found", program=dependency))
        return super().inferlet(program)

    def inferlet_of(self, upload: StoredProgram) -> InferletFunction:
        if upload.runtime.language is None:
            try:
                runs = exports(upload.data)
            except MalformedComponentError as error:
                raise Refusal(server_text("compile_failed", detail=server_text("wasm_not_parsed"))) from error
            if not runs:
                return failing(server_text("no_run_interface"))
        return super().inferlet_of(upload)

    def _dependencies(self, program: str) -> list[str]:
        """Return all dependencies of a program in the order in which real servers check them. Raises Refusal."""
        found: list[str] = []
        pending = sorted(self._stored[program].dependencies) if self._traits.verifies_dependencies else []
        while pending:
            dependency = pending.pop()
            if dependency == program or dependency in found:
                continue
            found.append(dependency)
            if dependency in self._stored:
                pending += sorted(self._stored[dependency].dependencies)
            elif not self._is_registered(dependency):
                raise Refusal(
                    server_text(
                        "dependency_not_installed", dependency=dependency, folder=FOLDER, program=program
                    )
                )
        return found


class ConformingState(EngineState):
    """The state of an engine that reads frames and uploads as a real server does."""

    reader_class = WireReader
    programs_class = ConformingPrograms


class ConformingEngine(LocalEngine):
    """An engine that reads frames and uploads as a real server does."""

    _state_class = ConformingState
