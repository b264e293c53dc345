"""The embedded engine with the pieces that hold it to a recorded server: which frames and uploads it refuses, in which words."""

from pie_client._generated import models
from pie_client.testing import LocalEngine
from pie_client.testing._generated import texts
from pie_client.testing.engine.programs import Catalogue, Kept, RejectedProgram, failing
from pie_client.testing.inferlet.session import InferletFunction
from tests.conformance import program_paths
from tests.conformance.wasm_layout import MalformedComponentError, exports
from tests.conformance.wire_reader import WireReader


class ConformingPrograms(Catalogue):
    """Refuses names that are not file names, and binaries that are not laid out as components."""

    def keep(self, manifest: models.Manifest, data: bytes, *, replaces: bool) -> None:
        package = manifest.package
        language = self._runtime(manifest).language
        if self._traits.verifies_dependencies:
            reason = program_paths.refusal(self._folder, package.name, package.version, language)
            if reason is not None:
                raise RejectedProgram(reason)
        super().keep(manifest, data, replaces=replaces)

    def _runner(self, kept: Kept) -> InferletFunction:
        if kept.runtime.language is None:
            try:
                runs = exports(kept.data)
            except MalformedComponentError as error:
                raise RejectedProgram(texts.compile_failed(detail=texts.WASM_NOT_PARSED)) from error
            if not runs:
                return failing(texts.NO_RUN_INTERFACE)
        return super()._runner(kept)


class ConformingEngine(LocalEngine):
    """An embedded engine that reads frames and uploads exactly as a real server does."""

    _reader_class = WireReader
    _catalogue_class = ConformingPrograms
