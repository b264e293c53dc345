"""Write modules with typed launches of one program, from its manifest. Needs the extra ``pie-client[codegen]``.

datamodel-code-generator writes the model of the input, and a template the functions. Names and descriptions come from whoever
wrote the manifest: names become identifiers, and descriptions become literals.
"""

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
MODEL: Final = "Input"
WIDTH: Final = 88
"""Longest line of prose and of the model: what formatters use by default."""
TYPES: Final[Mapping[Literal["string", "int", "float", "bool"], tuple[str, str]]] = {
    "string": ("string", "str"),
    "int": ("integer", "int"),
    "float": ("number", "float"),
    "bool": ("boolean", "bool"),
}
"""Types of a manifest, with those of JSON Schema and of Python."""
IMPORTED: Final = (
    *("pie_client.PieClient", "pie_client.Process", f"{checked.__module__}.{checked.__name__}"),
    *("pydantic.JsonValue", "pydantic.TypeAdapter", "typing.TypeVar", "typing.overload"),
)
"""What the functions of a module use."""
TAKEN: Final = frozenset(
    {
        *(*keyword.kwlist, *dir(InputModel), *(python for _, python in TYPES.values())),
        *(name.rpartition(".")[2] for name in IMPORTED),
        *(
            "AliasChoices",
            "Annotated",
            "Field",
            "InputModel",
            "Input",
            "PROGRAM",
            "T",
            "launch",
            "run",
            "type",
        ),
        *("as_type", "client", "launched", "process"),
    }
)
"""Names that parameters can't have: keywords, attributes of models, and what the module uses."""


class Parameter(NamedTuple):
    """A parameter of a program."""

    wire: str
    """Its name in the manifest and in the JSON."""
    name: str
    """Its name in Python."""
    described: ManifestParameter

    @property
    def required(self) -> bool:
        """Whether the parameter must be passed."""
        return not self.described.optional

    @property
    def annotation(self) -> str:
        """Its type in Python."""
        python = TYPES[self.described.type][1]
        return python if self.required else f"{python} | None"

    @property
    def schema(self) -> dict[str, object]:
        """Its JSON Schema."""
        kind = {"type": TYPES[self.described.type][0]}
        about = {"description": self.described.description} if self.described.description else {}
        return {**(kind if self.required else {"anyOf": [kind, {"type": "null"}]}), **about}

    @property
    def name_pair(self) -> str | None:
        """Its entry in the table of names, if it has two."""
        return None if self.name == self.wire else f"{_literal(self.name)}: {_literal(self.wire)}"

    @property
    def doc(self) -> str:
        """Its entry in a docstring."""
        sent = f" It is sent as ``{self.wire}``." if self.name_pair else ""
        text = (self.described.description or "No description.") + sent
        return _prose(f"{self.name}: {text}", " " * 8, " " * 12)


def render(manifest: Manifest) -> str:
    """Return the source of a module for a program: PROGRAM, Input, launch() and run()."""
    program = f"{manifest.package.name}{VERSION_SEPARATOR}{manifest.package.version}"
    parameters = list(_parameters(manifest.parameters or {}))
    imports, fields = _model(program, parameters)
    environment = jinja2.Environment(  # noqa: S701 - the output is Python, not HTML
        loader=jinja2.PackageLoader("pie_client.typed"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("module.py.j2").render(
        title=program,
        about=_prose(manifest.package.description or ""),
        notice=NOTICE,
        program=_literal(program),
        imports=imports,
        fields=fields,
        parameters=parameters,
    )


def _parameters(described: Mapping[str, ManifestParameter]) -> Iterator[Parameter]:
    taken = set(TAKEN)
    # Those that can keep their names do, whatever others come before them.
    exact = {name for name in described if _identifier(name) == name and name not in taken}
    for wire, parameter in described.items():
        name = _identifier(wire)
        while name in taken or (name in exact and name != wire):
            name += "_"
        taken.add(name)
        yield Parameter(wire, name, parameter)


def _identifier(text: str) -> str:
    """Return a text as an identifier that is not private."""
    # Python compares identifiers in this form.
    plain = unicodedata.normalize("NFKC", text)
    usable = (each.isalnum() and f"_{each}".isidentifier() for each in plain)
    name = "".join(each if fits else "_" for each, fits in zip(plain, usable, strict=True)).strip("_")
    return name if name.isidentifier() else f"p_{name}"


def _model(program: str, parameters: list[Parameter]) -> tuple[str, str]:
    """Return the imports of a module, and the fields of the model of a program's input."""
    schema = {
        "type": "object",
        "title": MODEL,
        "description": f"Input of {program}.",
        "properties": {each.name: each.schema for each in parameters},
        "required": [each.name for each in parameters if each.required],
    }
    renames = any(each.name_pair for each in parameters)
    config = GenerateConfig(
        input_file_type=dcg.InputFileType.JsonSchema,
        preset="standard-py311-20261027",  # a dated preset never changes its meaning
        allow_remote_refs=False,
        class_name=MODEL,
        base_class=f"{InputModel.__module__}.{InputModel.__name__}",
        additional_imports=[
            *IMPORTED,
            *([f"{wire_names.__module__}.{wire_names.__name__}"] if renames else []),
        ],
        allow_population_by_field_name=False,  # names are those that `wire_names` returns
        snake_case_field=False,
        use_schema_description=True,
        use_single_line_docstring=True,
        use_double_quotes=True,
        formatters=[Formatter.BUILTIN],
        builtin_format_line_length=WIDTH,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = cast("str", dcg.generate(json.dumps(schema), config=config))
    head = f"class {MODEL}({InputModel.__name__}):\n"
    imports, _, body = text[text.index("from __future__") :].partition(head)
    fields = [ast.unparse(n.target) for n in ast.walk(ast.parse(head + body)) if isinstance(n, ast.AnnAssign)]
    if fields != [each.name for each in parameters]:
        raise ManifestError(f"parameters of {program} can't be written in Python as {fields}; rename them")
    # The tool knows more characters than this Python, which would print them as they are.
    return imports.strip(), "\n".join(map(_printable, body.rstrip().split("\n")))


def _literal(text: str) -> str:
    """Return a text as a literal."""
    plain = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{_printable(plain)}"'


def _printable(text: str) -> str:
    """Escape what would change how a line looks, or ends."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _prose(text: str, first: str = "", others: str = "") -> str:
    """Return a text for a docstring, wrapped, with the indents of its lines."""
    plain = " ".join(text.split()).replace("\\", r"\\").replace('"""', r"\"\"\"")
    wrapper = textwrap.TextWrapper(WIDTH, first, others, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(_printable(plain))
