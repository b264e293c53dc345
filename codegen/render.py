"""Turns the schema into the text of every generated file."""

import ast
import hashlib
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path, PurePosixPath

import jinja2

from codegen import lint, models, schema, views
from codegen.errors import CodegenError

PACKAGE = PurePosixPath("src/pie_client/_generated")
SERVER_PACKAGE = PurePosixPath("src/pie_client/testing/_generated")
PACKAGES = (PACKAGE, SERVER_PACKAGE)
REFERENCE = PurePosixPath("docs/protocol.md")
MODULES = (
    "families",
    "results",
    "methods",
    "calls",
    "events",
    "refusals",
    "registry",
    "mcp",
    "public",
    "__init__",
)
HEADER = '"""{doc}\n\nWritten by `python -m codegen generate` from schema/; never edited.\n"""\n\n'
SERVER_MODULES = {"texts": "texts", "servers": "servers", "__init__": "server_init"}
LINE = 110


def render(root: Path) -> dict[PurePosixPath, str]:
    """Give the text of each generated file by its path below ``root``; raises CodegenError when the schema is not fit."""
    models.check_tools(root / "pyproject.toml")
    described = schema.load(root / "schema")
    lint.check(described)
    source = models.render_models(described)
    body = source.partition("from __future__")
    files = {
        PACKAGE / "models.py": HEADER.format(doc="Messages, results and events of the protocol.")
        + body[1]
        + body[2]
        + f"\n\n__all__ = {models.type_names(source)!r}\n"
    }
    context = _context(described, models.renamed_fields(source), _digest(root / "schema"))
    environment = _environment()
    for name in MODULES:
        files[PACKAGE / f"{name}.py"] = environment.get_template(f"{name}.py.j2").render(context)
    texts = {"client": context["texts"], "server": context["texts"]}
    for sender in texts:
        texts[sender] = [text for text in views.texts(described) if sender in text.sent_by]
    files[PACKAGE / "texts.py"] = environment.get_template("texts.py.j2").render(
        context | {"texts": texts["client"], "confirmations": []}
    )
    for name, template in SERVER_MODULES.items():
        files[SERVER_PACKAGE / f"{name}.py"] = environment.get_template(f"{template}.py.j2").render(
            context | {"texts": texts["server"]}
        )
    for path, text in files.items():
        _check_python(path, text)
    files = {path: _formatted(root, path, text) for path, text in files.items()}
    files[REFERENCE] = environment.get_template("protocol.md.j2").render(context)
    return files


def _context(described: schema.Schema, renamed: dict[str, dict[str, str]], digest: str) -> dict[str, object]:
    pattern = str(described.scalars()["VersionedProgramName"]["pattern"])
    pattern = pattern.removeprefix("^").removesuffix("$")
    return {
        "protocol": described.protocol,
        "requests": views.requests(described, renamed),
        "results": views.results(described),
        "messages": views.messages(described, renamed),
        "events": views.events(described, renamed),
        "texts": views.texts(described),
        "confirmations": views.confirmations(described),
        "error_classes": views.error_classes(described),
        "families": views.families(described),
        "traits": views.traits(described, described.family_traits),
        "server_traits": views.traits(described, described.server_traits),
        "recognised_results": views.recognised_results(described),
        "recognised_texts": views.recognised_texts(described),
        "objects": [described.documents[file] for file in described.protocol.objects],
        "envelope_members": views.envelope_members(described),
        "max_correlation": described.scalars()["CorrelationId"]["maximum"],
        "program_pattern": pattern,
        "program_name_pattern": pattern.partition("@")[0],
        "listing_fields": views.fields_in_depth(described, described.protocol.program_registry.file),
        "public": views.public_names(described),
        "digest": digest,
    }


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - writes Python and Markdown, not HTML
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["python"] = repr
    environment.filters["doc"] = _doc
    environment.filters["fill"] = _fill
    environment.filters["cell"] = _cell
    return environment


def _doc(text: str) -> str:
    """Escape what would end a docstring or mean something in it."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'{text[:-1]}\\"' if text.endswith('"') else text


def _fill(text: str, indent: int = 4) -> str:
    return views.wrapped(_doc(text), LINE, indent)


def _cell(text: str) -> str:
    """Put a text into one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _digest(folder: Path) -> str:
    """Hash what the schema says, file by file; its vectors and README say nothing that is generated."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(f"{schema.VECTORS}/"):
            digest.update(name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def _check_python(path: PurePosixPath, text: str) -> None:
    """Raise CodegenError unless a text is Python that defines each name once; formatters let some of this pass."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(text, path.name, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = text.splitlines()[(error.lineno or 1) - 1].strip()
        raise CodegenError([f"{path}: line {error.lineno} is not Python: {error.msg}: {line}"]) from error
    names = Counter(
        node.name for node in ast.parse(text).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    )
    twice = [f"{path}: defines {name} twice" for name, count in names.items() if count > 1]
    if twice:
        raise CodegenError(twice)


def _formatted(root: Path, path: PurePosixPath, text: str) -> str:
    """Sort imports and format with the repository's own configuration, wherever the repository lies."""
    config = f"--config={root / 'pyproject.toml'}"
    for step in (["check", "--fix", "--exit-zero", "--quiet", "--select=I,F401,UP"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *step, config, "--no-cache", f"--stdin-filename={path}", "-"]
        done = subprocess.run(  # noqa: S603 - our own interpreter, no shell
            command, input=text, capture_output=True, encoding="utf-8", check=False, cwd=root
        )
        if done.returncode or not done.stdout:
            reasons = done.stderr.strip().splitlines()[:5] or ["no reason given"]
            raise CodegenError([f"{path}: ruff {step[0]}: {reason}" for reason in reasons])
        text = done.stdout
    return text
