"""``python -m codegen generate`` writes the generated files; ``python -m codegen check`` fails unless they are up to date."""

import argparse
import sys
from dataclasses import fields
from keyword import iskeyword
from pathlib import Path

from codegen.layout import Layout
from codegen.output import compare, write
from codegen.python import renames
from codegen.render import render
from codegen.schema import CodegenError, load


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 for success, 1 for files that differ, 2 for an error."""
    parser = argparse.ArgumentParser(
        prog="python -m codegen",
        description="Write the code that a schema describes and the frames of its test vectors, or check them.",
    )
    parser.add_argument(
        "command",
        choices=("generate", "check"),
        help="generate: write the files. check: fail unless they are up to date.",
    )
    for field in fields(Layout):
        parser.add_argument(
            f"--{field.name}",
            type=Path if isinstance(field.default, Path) else str,
            default=field.default,
            help=f"{field.metadata['help']} (default: %(default)s)",
        )
    options = vars(parser.parse_args(arguments))
    for name in ("package", "base"):
        if not all(part.isidentifier() and not iskeyword(part) for part in options[name].split(".")):
            parser.error(f"argument --{name}: {options[name]!r} is not a package's name, such as 'a.b'")
    command = options.pop("command")
    layout = Layout(**{**options, "root": options["root"].resolve()})
    try:
        files = render(layout)
    except CodegenError as error:
        print(error, file=sys.stderr)
        if len(error.problems) > 1:
            print(f"codegen: {len(error.problems)} problems; nothing was written", file=sys.stderr)
        return 2
    if command == "generate":
        changed = write(layout.root, files, layout.packages)
        report = [*renames(load(layout.root / layout.schema)), *changed]
        print(*report, f"codegen: {len(files)} files, {len(changed)} changed", sep="\n")
        return 0
    if report := list(compare(layout.root, files, layout.packages)):
        print(*report, sep="\n")
        print(
            f"codegen: {len(report)} of {len(files)} files differ from the schema; run `python -m codegen generate`",
            file=sys.stderr,
        )
        return 1
    print(f"codegen: {len(files)} files agree with the schema")
    return 0


if __name__ == "__main__":
    sys.exit(main())
