"""Runs datamodel-code-generator over the bundled schema, and checks what came out."""

import ast
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from codegen.bundle import bundle
from codegen.errors import CodegenError
from codegen.schema import Schema

OPTIONS = (
    "--input-file-type=jsonschema",
    "--output-model-type=pydantic_v2.BaseModel",
    "--preset=standard-py311-20261027",  # dated, so that its meaning can't change under us
    "--target-pydantic-version=2.11",
    "--schema-version=2020-12",
    "--schema-version-mode=strict",
    "--strict-refs",
    "--no-allow-remote-refs",
    "--base-class=pie_client.base.WireModel",
    "--use-type-alias",  # unions and scalars become aliases rather than root models
    "--use-type-alias-type",
    "--no-collapse-root-models",  # keeps ProcessId and its like as names
    "--enum-field-as-literal=all",
    "--use-one-literal-as-default",  # the tag need not be passed
    "--no-allow-population-by-field-name",  # the base class says it once
    "--use-schema-description",
    "--use-single-line-docstring",
    "--use-double-quotes",
    "--type-mappings",
    "uuid=string",  # format is an annotation: ids stay text
    "--formatters=builtin",  # the repository's own formatter runs over every generated file
    "--ignore-pyproject",
    "--disable-timestamp",
)


def check_tools(pyproject: Path) -> None:
    """Raise CodegenError when a pinned generator is missing or of another version than pyproject.toml pins."""
    groups = tomllib.loads(pyproject.read_text(encoding="utf-8"))["dependency-groups"]
    problems: list[str] = []
    for pin in groups["codegen"]:
        name, _, version = str(pin).partition("==")
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "not installed"
        if installed != version:
            problems.append(
                f"{name} is {installed}, pyproject.toml pins {version}: run `nox -s generate`, or install the codegen group"
            )
    if problems:
        raise CodegenError(problems)


def render_models(schema: Schema) -> str:
    """Give the source of ``models.py``, without header and not yet formatted."""
    document = bundle(schema)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "protocol.json")
        source.write_text(json.dumps(document), encoding="utf-8")
        command = [
            sys.executable,
            "-X",
            "utf8",
            "-W",
            "error",
            "-m",
            "datamodel_code_generator",
            f"--input={source}",
        ]
        done = subprocess.run(  # noqa: S603 - our own interpreter, no shell
            [*command, *OPTIONS], capture_output=True, encoding="utf-8", check=False, cwd=folder
        )
    if done.returncode or done.stderr.strip():
        raise CodegenError(
            [
                f"datamodel-code-generator failed: {line}"
                for line in done.stderr.strip().splitlines()[-5:] or ["no reason given"]
            ]
        )
    text = done.stdout
    _check(text, set(document["$defs"]) | {str(document["title"])})
    return _with_synonyms(schema, text)


def _with_synonyms(schema: Schema, text: str) -> str:
    """Give the further names of fields to the classes."""
    lines = text.splitlines()
    by_title = {
        str(schema.documents[file]["title"]): names for file, names in schema.protocol.synonyms.items()
    }
    for node in reversed(ast.parse(text).body):
        if not isinstance(node, ast.ClassDef) or node.name not in by_title:
            continue
        types = {
            field.target.id: ast.unparse(field.annotation.slice.elts[0])
            for field in node.body
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(field.annotation, ast.Subscript)
            and isinstance(field.annotation.slice, ast.Tuple)
        }
        for synonym, name in by_title[node.name].items():
            lines[node.end_lineno : node.end_lineno] = [
                "",
                "    @property",
                f"    def {synonym}(self) -> {types[name]}:",
                f'        """The same as ``{name}``, as the server\'s documentation calls it."""',
                f"        return self.{name}",
            ]
    return "\n".join(lines) + "\n"


def renamed_fields(models: str) -> dict[str, dict[str, str]]:
    """Give, per class, the fields whose Python name differs from the wire's: wire name to Python name."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(models).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field in node.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            for call in ast.walk(field):
                if isinstance(call, ast.Call):
                    for keyword in call.keywords:
                        if keyword.arg == "alias" and isinstance(keyword.value, ast.Constant):
                            found.setdefault(node.name, {})[str(keyword.value.value)] = field.target.id
    return found


def type_names(models: str) -> list[str]:
    """Give the names of the classes and aliases that were made, sorted."""
    body = ast.parse(models).body
    names = [node.name for node in body if isinstance(node, ast.ClassDef)]
    names += [
        t.id for node in body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
    ]
    return sorted(names)


def _check(text: str, expected: set[str]) -> None:
    tree = ast.parse(text)
    names = set(type_names(text))
    problems = [f"datamodel-code-generator made no {name}" for name in sorted(expected - names)]
    problems += [
        f"datamodel-code-generator made {name}, which the schema does not name"
        for name in sorted(names - expected)
    ]
    problems += [
        "datamodel-code-generator used Any"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "Any"
    ]
    if problems:
        raise CodegenError(list(dict.fromkeys(problems)))
