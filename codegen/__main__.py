"""``python -m codegen generate`` writes the generated files; ``python -m codegen check`` fails unless they are up to date."""

import argparse
import sys
from pathlib import Path

from codegen.check import compare, write
from codegen.errors import CodegenError
from codegen.render import PACKAGES, render


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m codegen", description="Write the code that schema/ describes, or check it."
    )
    parser.add_argument(
        "command",
        choices=("generate", "check"),
        help="generate: write the files. check: fail unless they are as they would be written.",
    )
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).parents[1],
        help="the repository (default: the one this generator is in)",
    )
    options = parser.parse_args(arguments)
    root: Path = options.root.resolve()
    try:
        files = render(root)
    except CodegenError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        print(f"codegen: {len(error.problems)} problem(s); nothing was written", file=sys.stderr)
        return 2
    if options.command == "generate":
        report = write(root, files, PACKAGES)
        print("\n".join([*report, f"codegen: {len(files)} files, {len(report)} changed"]))
        return 0
    reports = list(compare(root, files, PACKAGES))
    for report_ in reports:
        print(report_)
    if reports:
        print(
            f"codegen: {len(reports)} of {len(files)} files differ from schema/; run `python -m codegen generate`",
            file=sys.stderr,
        )
        return 1
    print(f"codegen: {len(files)} files agree with schema/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
