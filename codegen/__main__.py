"""``python -m codegen generate`` writes the generated files; ``check`` fails unless they are up to date.

``python -m codegen export FORMAT --out DIR`` writes the protocol for another language or tool. ``breaking`` says what a change
of the schema breaks, and ``release`` makes the schema the one that later ones are compared with. ``api`` and ``api --release`` do
the same for the public names of the package.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from keyword import iskeyword
from pathlib import Path
from typing import Any

from codegen import export, lint
from codegen.breaking.command import breaking, release
from codegen.layout import Layout
from codegen.output import compare, write
from codegen.python import renames
from codegen.render import render
from codegen.schema import RELEASED, CodegenError, load

COMMANDS = {
    "generate": "write the generated code, the exports and the frames of the test vectors",
    "check": "fail unless these files are up to date",
    "export": "write the protocol for another language or tool",
    "breaking": "compare the schema with the released one; fail if a break is not announced",
    "release": "make the schema the released one, unless a break is not announced",
    "api": "compare the package's public names with the released ones; fail if a break is not announced",
}
OPTIONS: dict[str, tuple[str, ...]] = {
    "export": ("root", "schema"),
    "breaking": ("root",),
    "release": ("root",),
    "api": ("root", "output", "package"),
}
"""Options of commands that do not generate."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 for success, 1 for files that differ, 2 for an error."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    command = options.pop("command")
    given = {field.name: options[field.name] for field in fields(Layout) if field.name in options}
    for name in {"package", "base"} & given.keys():
        if not all(part.isidentifier() and not iskeyword(part) for part in given[name].split(".")):
            parser.error(f"argument --{name}: {given[name]!r} is not a package's name, such as 'a.b'")
    layout = Layout(**{**given, "root": given["root"].resolve()})
    try:
        return RUN[command](layout, options)
    except CodegenError as error:
        print(error, file=sys.stderr)
        if len(error.problems) > 1:
            print(f"codegen: {len(error.problems)} problems; nothing was written", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m codegen",
        description="Write what is generated from a schema, or check it. `COMMAND --help` lists a command's options.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        _add_layout(command, OPTIONS.get(name, [field.name for field in fields(Layout)]))
        if name == "export":
            command.add_argument("format", choices=export.FORMATS, help="format of the files")
            command.add_argument("--out", type=Path, required=True, help="folder to write them to")
        if name in {"breaking", "release"}:
            command.add_argument(
                "--base",
                dest="released",
                type=Path,
                default=Layout.schema / RELEASED,
                metavar="DIR",
                help="folder of the released schema, with its announced breaks (default: %(default)s)",
            )
            command.add_argument(
                "--new",
                type=Path,
                default=Layout.schema,
                metavar="DIR",
                help="folder of the schema that is compared (default: %(default)s)",
            )
        if name == "api":
            text = "make the package the released one, unless a break is not announced"
            command.add_argument("--release", action="store_true", help=text)
        if name == "breaking":
            command.add_argument("--json", action="store_true", help="print the changes as a JSON list")
    return parser


def _add_layout(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    for field in fields(Layout):
        if field.name in names:
            parser.add_argument(
                f"--{field.name}",
                type=Path if isinstance(field.default, Path) else str,
                default=field.default,
                help=f"{field.metadata['help']} (default: %(default)s)",
            )


def _generate(layout: Layout, _: Mapping[str, Any]) -> int:
    files = render(layout)
    changed = write(layout.root, files, layout.folders)
    report = [*renames(load(layout.root / layout.schema)), *changed]
    print(*report, f"codegen: {len(files)} files, {len(changed)} changed", sep="\n")
    return 0


def _check(layout: Layout, _: Mapping[str, Any]) -> int:
    files = render(layout)
    if report := list(compare(layout.root, files, layout.folders)):
        print(*report, sep="\n")
        print(
            f"codegen: {len(report)} of {len(files)} files differ from the schema; run `python -m codegen generate`",
            file=sys.stderr,
        )
        return 1
    print(f"codegen: {len(files)} files agree with the schema")
    return 0


def _export(layout: Layout, options: Mapping[str, Any]) -> int:
    described = load(layout.root / layout.schema)
    lint.check(described)
    files = export.files(described, options["format"])
    changed = write(options["out"].absolute(), files, ())
    print(*changed, f"codegen: {len(files)} files, {len(changed)} changed", sep="\n")
    return 0


def _breaking(layout: Layout, options: Mapping[str, Any]) -> int:
    return breaking(layout.root / options["released"], layout.root / options["new"], as_json=options["json"])


def _release(layout: Layout, options: Mapping[str, Any]) -> int:
    return release(layout.root / options["released"], layout.root / options["new"])


def _api(layout: Layout, options: Mapping[str, Any]) -> int:
    from codegen.api import command  # noqa: PLC0415 - needs griffe, which generating does not

    run = command.release if options["release"] else command.api
    package = layout.root / layout.output / layout.package.replace(".", "/")
    return run(layout.root / command.RELEASED, package)


RUN = {
    "generate": _generate,
    "check": _check,
    "export": _export,
    "breaking": _breaking,
    "release": _release,
    "api": _api,
}
"""What each command does."""


if __name__ == "__main__":
    sys.exit(main())
