"""Copies of this repository to run the generator in, and type checkers to run on its output."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.tools import need

ROOT = Path(__file__).parents[2]
GENERATED = "src/pie_client/_generated"
SERVER_GENERATED = "src/pie_client/testing/_generated"
SYNC_GENERATED = "src/pie_client/sync/_generated"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "docs/protocol.md"
EXPORTS = "schema/dist"
VECTORS = "schema/vectors"

FOLDERS = ("schema", "codegen", "src", "docs")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache", "*.egg-info")
WRONG = re.compile(r"# wrong: (?P<mypy>[\w-]+), (?P<pyright>[\w+]+)$")

JsonObject = dict[str, Any]


@dataclass(frozen=True, order=True)
class Finding:
    """An error that a type checker reports for a line."""

    file: str
    line: int
    rule: str


def copy_repository(to: Path) -> Path:
    """Copy the files that the generator reads and writes."""
    to.mkdir(parents=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, to / folder, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def run(
    command: list[str | Path], folder: Path, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a module or script with this interpreter; the folder's packages take precedence over installed ones."""
    path = os.pathsep.join([str(folder), str(folder / "src")])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **(settings or {})}
    return subprocess.run(  # noqa: S603 - this interpreter, no shell
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def codegen(
    command: str, root: Path, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a copy's generator in the copy."""
    return run(["-m", "codegen", command], root, settings)


def edit(path: Path, change: Callable[[JsonObject], object]) -> None:
    """Change a JSON file in place."""
    document: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    write(path, document)


def write(path: Path, document: object) -> None:
    """Write a JSON file in the format of the schema's files."""
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def add_request(
    schema: Path, tag: str, doc: str, fields: JsonObject, result: JsonObject, row: JsonObject
) -> None:
    """Add a call to the schema. Fields that may be null are optional."""
    name = tag.title().replace("_", "")
    properties: JsonObject = {
        "type": {"type": "string", "const": tag},
        "corr_id": {
            "$ref": "../types.json#/$defs/CorrelationId",
            "description": "Number that the reply repeats.",
        },
        **fields,
    }
    write(schema / f"requests/{tag}.json", _object(f"{name}Request", doc, properties))
    write(schema / f"results/{tag}.json", {"$schema": DIALECT, "title": f"{name}Result", **result})
    files = {"schema": f"requests/{tag}.json", "result": f"results/{tag}.json"}
    added = {"type": tag, "kind": "call", "families": ["0.4", "0.5"], "since": "0.6", **files, **row}
    edit(schema / "protocol.json", lambda d: d["requests"].append(added))


def add_event(schema: Path, event: str, doc: str, fields: JsonObject) -> None:
    """Add a kind of process event that is not terminal to the schema."""
    name = event.title().replace("_", "")
    properties: JsonObject = {
        "type": {"type": "string", "const": "process_event"},
        "event": {"type": "string", "const": event},
        "process_id": {
            "$ref": "../types.json#/$defs/ProcessId",
            "description": "The process that it comes from.",
        },
        **fields,
    }
    write(schema / f"events/{event}.json", _object(f"{name}Frame", doc, properties))
    row = {
        "event": event,
        "name": name,
        "class": f"{name}Event",
        "schema": f"events/{event}.json",
        "terminal": False,
    }
    edit(schema / "protocol.json", lambda d: d["events"].append(row))
    edit(
        schema / "messages/process_event.json",
        lambda d: d["oneOf"].append({"$ref": f"../events/{event}.json"}),
    )


def add_object(schema: Path, name: str, doc: str, fields: JsonObject) -> None:
    """Add an object that a result may refer to."""
    path = schema / f"results/{name}.json"
    write(path, _object(name.title().replace("_", ""), doc, fields))


def _object(title: str, doc: str, properties: JsonObject) -> JsonObject:
    required = [name for name, node in properties.items() if {"type": "null"} not in node.get("anyOf", [])]
    kind = {"$schema": DIALECT, "title": title, "description": doc, "type": "object"}
    return {**kind, "properties": properties, "required": required}


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def tracked_files(*, untracked: bool = False) -> set[str] | None:
    """Return the files of this repository that git tracks, or None outside a checkout. Ignored files are never among them."""
    if not (ROOT / ".git").exists():
        return None
    (git,) = need("git")
    arguments = ["ls-files", "--cached", *["--others", "--exclude-standard"] * untracked]
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [git, "-c", "safe.directory=*", "-c", "core.quotePath=false", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


def generated_files(root: Path) -> dict[str, bytes]:
    """Return the content of every generated file, by path."""
    found = {
        f"{package}/{name}": data
        for package in (GENERATED, SERVER_GENERATED, SYNC_GENERATED, EXPORTS)
        for name, data in files_below(root / package).items()
    }
    vectors = [
        f"{VECTORS}/{path.name}"
        for path in sorted((root / VECTORS).glob("*.json"))
        if ".schema." not in path.name
    ]
    single = [path for path in (REFERENCE, *vectors) if (root / path).exists()]
    return found | {path: (root / path).read_bytes() for path in single}


def mypy_findings(samples: Path, package: Path) -> set[Finding]:
    """Run mypy --strict on samples that use the package; return all errors, also those in the package.

    All runs share a cache, which saves the time for the packages that this one needs.
    """
    (samples / "mypy.ini").write_text("[mypy]\nstrict = True\nwarn_unreachable = True\n", encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - as above
        [
            sys.executable,
            "-m",
            "mypy",
            "--config-file=mypy.ini",
            f"--cache-dir={ROOT / '.mypy_cache' / 'samples'}",
            "--output=json",
            ".",
        ],
        cwd=samples,
        env={**os.environ, "MYPYPATH": str(package)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: list[JsonObject] = [json.loads(line) for line in done.stdout.splitlines()]
    return {Finding(Path(f["file"]).name, f["line"], f["code"]) for f in found if f["severity"] == "error"}


def installed(package: Path, folder: Path) -> Path:
    """Install the package into an environment of its own and return its interpreter.

    Type checkers are stricter about installed packages: only exported names may be imported.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    shutil.copytree(package / "pie_client", site / "pie_client")
    others = [path for path in sys.path if Path(path).name == "site-packages"]
    (site / "others.pth").write_text("\n".join(others), encoding="utf-8")
    return python


def pyright_findings(samples: Path, python: Path) -> set[Finding]:
    """Run pyright in strict mode on samples; return its errors and warnings."""
    settings = {"include": ["."], "typeCheckingMode": "strict"}
    write(samples / "pyrightconfig.json", {**settings, "pythonVersion": "3.11"})
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pyright", "--pythonpath", str(python), "--outputjson", "-p", "."],
        cwd=samples,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    report: JsonObject = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(samples.glob("*.py")))
    return {
        Finding(Path(f["file"]).name, f["range"]["start"]["line"] + 1, f["rule"])
        for f in report["generalDiagnostics"]
        if f["severity"] != "information"
    }


def marked_findings(samples: Path, checker: str) -> set[Finding]:
    """Return the findings that lines of the samples announce with ``# wrong: mypy's code, pyright's rule``."""
    return {
        Finding(path.name, number, rule)
        for path in samples.glob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := WRONG.search(line))
        for rule in match[checker].split("+")
    }
