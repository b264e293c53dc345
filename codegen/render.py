"""Turn a schema into the text of every generated file."""

import ast
import builtins
import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import jinja2

from codegen import export, lint, models, public, python, schema, synchronous, vectors
from codegen.layout import GENERATED, Layout
from codegen.schema import CodegenError, raise_if

TEMPLATES = Path(__file__).parent / "templates"
"""Templates of the client's modules and of the server's. The first line of each is that of the module's docstring."""
IMPORTS = """
from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar
"""
"""What any template may use; imports that a module does not use are removed."""
NOTICE = "Written by `python -m codegen generate` from the schema; never edited."


def render(layout: Layout) -> dict[Path, str]:
    """Return the text of every generated file by its path.

    Raises:
        CodegenError: The schema breaks a rule, or a tool is missing or failed.
    """
    folder, settings = layout.root / layout.schema, layout.root / layout.settings
    described = schema.load(folder)
    lint.check(described)
    models.check_tools(settings)
    accepted = described.as_accepted()
    names = python.Python(accepted, layout.package, layout.base)
    raise_if(public.problems(names, layout))
    environment = _environment(names)
    protocol, errors = described.protocol, described.errors
    unknown = [row["unknown"] for row in protocol["messages"] if row["unknown"]]
    known: dict[str, Any] = {
        "schema": accepted,
        "protocol": protocol,
        "errors": errors,
        "known": [row for row in protocol["events"] if row["schema"]],
        "unknown": {"class": "UnknownEvent", "schema": unknown[0]},
        "messages": [row for row in protocol["messages"] if not row["unknown"]],
        "python": names,
        "package": f"{layout.package}.{GENERATED}",
        "base": layout.base,
        "digest": hashlib.sha256(json.dumps(described.parsed, sort_keys=True).encode()).hexdigest(),
        "notice": NOTICE,
    }
    environment.globals.update(known)
    bodies = {layout.packages[0] / "models.py": models.render_models(accepted, names)}
    for side, package in zip(("client", "server"), layout.packages, strict=True):
        texts = [text for text in errors["texts"] if text["generated"] is not False]
        texts = [text for text in texts if side in (text["sent_by"] or ["server"])]
        for template in sorted((TEMPLATES / side).iterdir()):
            rendered = environment.get_template(f"{side}/{template.name}").render(side=side, texts=texts)
            bodies[package / template.stem] = rendered
    files = _formatted({path: _module(path, body) for path, body in bodies.items()}, settings)
    files |= _formatted(synchronous.render(layout, files), settings)
    files[layout.reference] = environment.get_template("protocol.md.j2").render()
    files |= export.render(described, layout.exports)
    return files | vectors.render(described, layout.root, layout.schema)


def _environment(names: python.Python) -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - the output is Python and Markdown, not HTML
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = cast("dict[str, object]", environment.filters)
    functions = names.model, python.cell, python.constant, python.doc, python.parts, python.spelling
    filters.update({function.__name__: function for function in (*functions, python.words)})
    filters["repr"] = python.literal
    return environment


def _module(path: Path, body: str) -> str:
    """Return a module with its docstring, imports and ``__all__``: the public names that it defines, or its own."""
    # The models bring their imports. Importing the package loads __init__ and public, which therefore import nothing.
    imports = "" if path.stem in {"models", "__init__", "public"} else IMPORTS
    summary, _, code = body.partition("\n")
    text = f'"""{summary}\n\n{NOTICE}\n"""\n{imports}\n{code}'
    try:
        tree = ast.parse(text)
        compile(tree, path.name, "exec", dont_inherit=True)  # finds errors that parsing lets pass
    except SyntaxError as error:
        line = text.splitlines()[(error.lineno or 1) - 1].strip()
        raise CodegenError([f"{path}: line {error.lineno} is not Python: {error.msg}: {line}"]) from error
    defined, taken = list(_defined(tree)), set(_taken(tree))
    raise_if([f"{path}: defines {name} twice" for name, count in Counter(defined).items() if count > 1])
    elsewhere = "which it also takes from Python or another module"
    raise_if([f"{path}: defines {name}, {elsewhere}" for name in defined if name in taken])
    names = sorted(name for name in defined if not name.startswith("_"))
    return text if "__all__" in defined else f"{text}\n__all__ = {names!r}\n"


def _defined(tree: ast.Module) -> Iterator[str]:
    """Iterate over the names that a module defines."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case _:
                pass


def _taken(tree: ast.Module) -> Iterator[str]:
    """Iterate over the names that a module imports, also for type checkers only, or has of Python."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and hasattr(builtins, node.id):
            yield node.id


def _formatted(files: Mapping[Path, str], settings: Path) -> dict[Path, str]:
    """Remove unused imports, sort imports and exports, and format, with the settings of a pyproject.toml."""
    with tempfile.TemporaryDirectory() as folder:
        # Files keep their paths: settings and the order of imports depend on them, but not on what lies beside.
        copies = {path: Path(folder, *path.parts[path.is_absolute() :]) for path in files}
        for path, copy in copies.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(files[path], encoding="utf-8", newline="\n")
        options = ["--quiet", "--no-cache", f"--config={settings}", "."]
        for step in (["check", "--fix", "--exit-zero", "--select=I,F401,TC005,UP,RUF022"], ["format"]):
            command = [sys.executable, "-m", "ruff", *step, *options]
            done = subprocess.run(  # noqa: S603 - this interpreter, no shell
                command, capture_output=True, encoding="utf-8", check=False, cwd=folder
            )
            if done.returncode:
                raise CodegenError([f"ruff {step[0]} failed: {done.stderr.strip()}"])
        return {path: copy.read_text(encoding="utf-8") for path, copy in copies.items()}
