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
PROGRAM = re.compile(PROGRAM_PATTERN.replace('[0-9]', '\\d'))
COMPONENT = b'\x00asm\r\x00\x01\x00'
FOLDER = 'LocalEngine; register it with @engine.inferlet'
REGISTRY = 'https://registry.invalid'

@dataclass(slots=True)
class StoredProgram:
    program: str
    data: bytes
    runtime: models.ManifestRuntime
    dependencies: tuple[str, ...]
    function: InferletFunction | None = None

class Programs:

    def __init__(self, traits: ServerTraits, limits: ScriptLimits | None) -> None:
        self.functions = ...
        self.daemons = ...

    @property
    def contents(self) -> dict[str, bytes]:
        ...

    def has(self, program: str) -> bool:
        ...

    def resolve(self, name: str) -> str:
        ...

    def check_known(self, program: str) -> None:
        ...

    def read_manifest(self, text: str) -> tuple[models.Manifest, models.ManifestRuntime]:
        ...

    def add(self, manifest: models.Manifest, runtime: models.ManifestRuntime, data: bytes, *, replace: bool) -> None:
        ...

    def install(self, program: str) -> None:
        ...

    def inferlet(self, program: str) -> InferletFunction:
        ...

    def inferlet_of(self, upload: StoredProgram) -> InferletFunction:
        ...

    def is_installed(self, program: str) -> bool:
        ...

def failing(text: str) -> InferletFunction:
    ...
