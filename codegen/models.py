"""Generate the models with datamodel-code-generator.

The schema's files are joined into one document first.
"""

import ast
import importlib.metadata
import json
import tomllib
import warnings
from copy import deepcopy
from pathlib import Path
from typing import cast

import datamodel_code_generator as dcg
from datamodel_code_generator.config import GenerateConfig
from datamodel_code_generator.format import Formatter

from codegen.python import Python, spelling
from codegen.schema import TYPES, CodegenError, Node, Schema, nodes, raise_if, target

SUMMARY = "Messages, results and objects of the protocol.\n"
DROPPED = {
    *("$schema", "$id", "$comment", "title", "examples", "deprecated", "readOnly", "writeOnly"),
    *("contentMediaType", "contentSchema", "secret"),
}
"""Keywords that models have no use for; they would become metadata at run time."""


def check_tools(settings: Path) -> None:
    """Raise CodegenError unless each tool that the codegen group of a pyproject.toml pins has that version."""
    try:
        pins = tomllib.loads(settings.read_text(encoding="utf-8"))["dependency-groups"]["codegen"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise CodegenError(
            [f"no dependency group codegen in {settings}; pass a pyproject.toml with --settings"]
        ) from error
    problems: list[str] = []
    for name, _, version in (str(pin).partition("==") for pin in pins if "==" in str(pin)):
        found = [each.version for each in importlib.metadata.distributions(name=name)]
        if version not in found[:1]:
            problems.append(
                f"{name} is {found[0] if found else 'not installed'}, but {settings.name} pins {version}; run `nox -s generate`, or install the codegen group"
            )
    raise_if(problems)


def render_models(schema: Schema, python: Python) -> str:
    """Return the source of the models, not yet formatted."""
    document = json.dumps(bundle(schema))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text = cast("str", dcg.generate(document, config=_config(schema, python)))
    except Exception as error:
        raise CodegenError([f"datamodel-code-generator failed: {error}"]) from error
    # The tool renames what collides with a name that it uses itself.
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    titles = [document["title"] for _, document in schema.objects() if document.get("type") == "object"]
    taken = [title for title in titles if title not in defined]
    raise_if([f"schema: title: models.py uses the name {title!r} itself; choose another" for title in taken])
    return SUMMARY + text[text.index("from __future__") :]


def _config(schema: Schema, python: Python) -> GenerateConfig:
    names = {name for document in schema.documents.values() for name in document.get("properties", {})}
    return GenerateConfig(
        input_file_type=dcg.InputFileType.JsonSchema,
        preset="standard-py311-20261027",  # a dated preset never changes its meaning
        allow_remote_refs=False,
        base_class=f"{python.base}.base.WireModel",
        base_class_map={
            title: f"{python.package}._generated.synonyms.{title}Synonyms"
            for title in map(schema.title, schema.protocol["synonyms"])
        },
        aliases={name: field for name in sorted(names) if (field := spelling(name)) != name},
        use_type_alias=True,  # unions and scalars become aliases, not root models
        collapse_root_models=False,  # keep names such as ProcessId
        enum_field_as_literal=dcg.LiteralType.All,
        use_one_literal_as_default=True,  # callers need not pass the tag
        allow_population_by_field_name=False,  # the base class allows it once for all
        use_schema_description=True,
        use_single_line_docstring=True,
        type_overrides={schema.protocol["scalars"]["json"]: "pydantic.JsonValue"},
        formatters=[Formatter.BUILTIN],  # every generated file is formatted together, later
    )


def bundle(schema: Schema) -> Node:
    """Return one document with a ``$defs`` entry per type, whose root is the union of the server's binary messages."""
    definitions = {name: (TYPES, scalar) for name, scalar in schema.scalars.items()}
    for file, document in schema.objects():
        # A text that holds JSON has the type of that JSON; other texts have no type of their own.
        content = document.get("contentSchema", document)
        if not schema.is_choice(file) and content.get("type") != "string":
            definitions[schema.title(file)] = file, {"description": document["description"], **content}
    root = [schema.title(row["schema"]) for row in schema.protocol["messages"] if row["frame"] == "binary"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ServerMessage",
        "description": "A binary message of a server, tagged by its type.",
        "oneOf": [{"$ref": f"#/$defs/{title}"} for title in root],
        "discriminator": {"propertyName": schema.protocol["tag"]},
        "$defs": {title: _inlined(schema, *definitions[title]) for title in sorted(definitions)},
    }


def _inlined(schema: Schema, file: str, document: Node) -> Node:
    """Copy a document, with local references and without unused keywords."""
    copy = deepcopy(document)
    for _, node in nodes(copy):
        for keyword in DROPPED & node.keys():
            del node[keyword]
        if node.get("format") != "binary":
            node.pop("format", None)  # an annotation: values have the types that they have on the wire
        if "$ref" in node:
            node["$ref"] = f"#/$defs/{schema.title(target(file, node['$ref']))}"
    return copy
