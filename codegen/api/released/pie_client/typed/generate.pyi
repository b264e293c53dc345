import ast
import json
import keyword
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, cast
import datamodel_code_generator as dcg
import jinja2
from datamodel_code_generator.config import GenerateConfig
from datamodel_code_generator.format import Formatter
from pie_client._generated.models import Manifest, ManifestParameter
from pie_client.errors import ManifestError
from pie_client.programs.manifest import VERSION_SEPARATOR
from pie_client.typed import InputModel, checked, wire_names
NOTICE: Final = "Written by `python -m pie_client.typed` from the program's Pie.toml; never edited."
MODEL: Final = 'Input'
WIDTH: Final = 88
TYPES: Final[Mapping[Literal['string', 'int', 'float', 'bool'], tuple[str, str]]] = {'string': ('string', 'str'), 'int': ('integer', 'int'), 'float': ('number', 'float'), 'bool': ('boolean', 'bool')}
IMPORTED: Final = ...
TAKEN: Final = ...

class Parameter(NamedTuple):
    wire: str
    name: str
    described: ManifestParameter

    @property
    def required(self) -> bool:
        ...

    @property
    def annotation(self) -> str:
        ...

    @property
    def schema(self) -> dict[str, object]:
        ...

    @property
    def name_pair(self) -> str | None:
        ...

    @property
    def doc(self) -> str:
        ...

def render(manifest: Manifest) -> str:
    ...
