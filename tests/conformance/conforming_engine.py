"""LocalEngine with a reader and an upload check that imitate a real server byte by byte, error texts included."""

from pie_client._generated import models
from pie_client.testing import LocalEngine
from pie_client.testing._generated import texts
from pie_client.testing.engine.programs import Programs, Upload, failing
from pie_client.testing.engine.refusal import Refusal
from pie_client.testing.engine.state import EngineState
from pie_client.testing.inferlet.session import InferletFunction
from tests.conformance import program_paths
from tests.conformance.wasm_layout import MalformedComponentError, exports
from tests.conformance.wire_reader import WireReader


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

    def inferlet_of(self, upload: Upload) -> InferletFunction:
        if upload.runtime.language is None:
            try:
                runs = exports(upload.data)
            except MalformedComponentError as error:
                raise Refusal(texts.compile_failed(detail=texts.WASM_NOT_PARSED)) from error
            if not runs:
                return failing(texts.NO_RUN_INTERFACE)
        return super().inferlet_of(upload)


class ConformingState(EngineState):
    """The state of an engine that reads frames and uploads as a real server does."""

    reader_class = WireReader
    programs_class = ConformingPrograms


class ConformingEngine(LocalEngine):
    """An engine that reads frames and uploads as a real server does."""

    _state_class = ConformingState
