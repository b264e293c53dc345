"""Turn a schema into the text of every generated file."""

import ast
import hashlib
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import jinja2

from codegen import lint, models, naming, public, python, schema
from codegen.errors import CodegenError, raise_if
from codegen.layout import GENERATED, Layout

CLIENT_MODULES = {
    "__init__": "Models, decoders, calls, events, errors and texts of the protocol.",
    "calls": "One typed call for each request of the protocol.",
    "events": "Process events: their kinds, and a class for each.",
    "decoders": "Decoders of server messages: fast for what servers normally send; the models validate the rest.",
    "encoders": "Encoders of requests: fast for valid values; the models validate the rest.",
    "families": "Server families: their traits, and names and limits of the protocol.",
    "manifests": "Names in manifests, and a check that accepts ordinary ones; the model validates the rest.",
    "mcp": "Names of the Model Context Protocol, and of the JSON-RPC messages that carry it.",
    "methods": "The method table: one descriptor for each request.",
    "public": "Generated names that users import from the top of the package. Importing this module loads none of them.",
    "refusals": "Error classes of the failure texts that servers send.",
    "registry": "Models of messages by their tags.",
    "results": "Decoders of replies.",
    "synonyms": "Further names of fields.",
    "texts": "Texts that a client sends.",
}
"""Generated modules of the client, with the first lines of their docstrings; each has a template of its name."""
MODELS = "Messages, results and objects of the protocol."
"""Likewise, of the module that has no template."""
SERVER_MODULES = {
    "__init__": "Facts of the protocol that only a server needs. The client never imports them.",
    "servers": "Traits of each family's servers, and names and limits that only a server needs.",
    "texts": "Texts that a server sends.",
}
"""Generated modules of the embedded engine, likewise."""
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
    names = python.Python(described, layout.package, layout.base)
    raise_if(public.problems(names, layout))
    environment = _environment()
    context: dict[str, object] = {
        "schema": described,
        "protocol": described.protocol,
        "errors": described.errors,
        "python": names,
        "package": f"{layout.package}.{GENERATED}",
        "base": layout.base,
        "digest": _digest(folder),
        "notice": NOTICE,
    }
    client, server = layout.packages
    bodies = {client / "models.py": (MODELS, models.render_models(described, names))}
    texts = [text for text in described.errors["texts"] if text["generated"] is not False]
    for side, package, modules in (("client", client, CLIENT_MODULES), ("server", server, SERVER_MODULES)):
        context["server"] = side == "server"
        context["texts"] = [text for text in texts if side in (text["sent_by"] or ["server"])]
        for name, summary in modules.items():
            template = environment.select_template([f"{side}_{name}.py.j2", f"{name}.py.j2"])
            bodies[package / f"{name}.py"] = summary, template.render(context)
    files = {path: _module(path, summary, body) for path, (summary, body) in bodies.items()}
    files = _formatted(files, settings)
    files[layout.reference] = environment.get_template("protocol.md.j2").render(context)
    return files


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - the output is Python and Markdown, not HTML
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = cast("dict[str, object]", environment.filters)
    for function in (naming.constant, python.names, python.parts, python.doc, python.cell, python.words):
        filters[function.__name__] = function
    filters["repr"] = python.literal
    return environment


def _digest(folder: Path) -> str:
    """Return the SHA-256 of a schema, the same for any line ending."""
    digest = hashlib.sha256()
    for name, path in schema.files(folder):
        digest.update(name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def _module(path: Path, summary: str, body: str) -> str:
    """Return a module with its docstring, imports and ``__all__``: the public names that it defines, or its own."""
    # The models bring their imports. Importing the package loads __init__ and public, which therefore import nothing.
    imports = "" if path.stem in {"models", "__init__", "public"} else IMPORTS
    text = f'"""{summary}\n\n{NOTICE}\n"""\n{imports}\n{body}'
    defined, imported = list(_defined(path, text)), _imported(text)
    raise_if([f"{path}: defines {name} twice" for name, count in Counter(defined).items() if count > 1])
    raise_if([f"{path}: defines {name}, which it also imports" for name in defined if name in imported])
    names = sorted(name for name in defined if not name.startswith("_"))
    return text if "__all__" in defined else f"{text}\n__all__ = {names!r}\n"


def _defined(path: Path, text: str) -> Iterator[str]:
    """Iterate over the names that a module defines; raise CodegenError if it is not Python."""
    try:
        tree = ast.parse(text)
        compile(tree, path.name, "exec", dont_inherit=True)  # finds errors that parsing lets pass
    except SyntaxError as error:
        line = text.splitlines()[(error.lineno or 1) - 1].strip()
        raise CodegenError([f"{path}: line {error.lineno} is not Python: {error.msg}: {line}"]) from error
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case _:
                pass


def _imported(text: str) -> set[str]:
    """Return the names that a module imports, also for type checkers only."""
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


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
