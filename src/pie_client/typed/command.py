"""The command ``python -m pie_client.typed``."""

import argparse
import ast
import sys
from collections.abc import Sequence
from pathlib import Path

from pie_client.common.arguments import Parser
from pie_client.common.paths import as_path, read_regular
from pie_client.errors import InvalidArgumentError, ManifestError, UnsupportedError
from pie_client.programs.manifest import MANIFEST_BYTES, parse_manifest


def main(arguments: Sequence[str] | None = None, *, name: str = "python -m pie_client.typed") -> int:
    """Run the command; return 0 for success, 1 for a module that is not up to date, 2 for an error.

    Args:
        arguments: Arguments of the command. Default: those of this process.
        name: Name of the command in its help.
    """
    options = _parser(name).parse_args(arguments)
    try:
        return _write(as_path(options.manifest), as_path(options.out), check=options.check)
    except (InvalidArgumentError, UnsupportedError) as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}"
    _write_error(problem)
    return 2


def _parser(name: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=name,
        description="Write a Python module with typed launches of a program, from its manifest. "
        "Needs `pip install 'pie-client[codegen]'`; the module itself does not.",
    )
    parser.add_argument("manifest", metavar="Pie.toml", help="the program's manifest")
    parser.add_argument("--out", metavar="module.py", required=True, help="the module to write")
    text = "write nothing; exit with 1 if the module is not what would be written, whatever its layout"
    parser.add_argument("--check", help=text, action="store_true")
    return parser


def _write(manifest: Path, out: Path, *, check: bool) -> int:
    try:
        from pie_client.typed.generate import NOTICE, render  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            f"the {error.name} package is not installed; run `pip install 'pie-client[codegen]'`"
        ) from error
    try:
        parsed = parse_manifest(read_regular(manifest, MANIFEST_BYTES))
    except ManifestError as error:
        raise ManifestError(f"{manifest}: {error}") from None
    text = render(parsed)
    if out.exists() and not out.is_file():
        raise InvalidArgumentError(f"{out} is not a regular file; pass another --out")
    found = out.read_text(encoding="utf-8", errors="replace") if out.exists() else None
    if check:
        if found is not None and _tree(found) == _tree(text):
            return 0
        state = "differs from the manifest" if found is not None else "is missing"
        _write_error(f"{out} {state}; run the command without --check")
        return 1
    if found is not None and NOTICE not in found:
        raise InvalidArgumentError(f"{out} was not written by this command; remove it, or pass another --out")
    out.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{out}: {parsed.package.name}, {len(parsed.parameters or {})} parameters\n")
    return 0


def _write_error(text: str) -> None:
    sys.stderr.write(f"pie_client.typed: {text}\n")


def _tree(source: str) -> str:
    """Return what does not change when a formatter runs over a source."""
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError):
        return source
