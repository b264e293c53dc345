"""Check that the schema gives no name that users import to something else."""

import ast
import builtins
from collections import Counter
from itertools import chain

from codegen.layout import GENERATED, Layout
from codegen.python import Python


def problems(python: Python, layout: Layout) -> list[str]:
    """List the public names of a schema that are taken: by Python, by the package's own modules, or by another name."""
    names = Counter(chain(dir(builtins), _written_by_hand(layout), *python.public_names().values()))
    return [
        f"schema: {name!r} is the name of something else that users import or that Python has; rename the class or title"
        for name, count in names.items()
        if count > 1
    ]


def _written_by_hand(layout: Layout) -> set[str]:
    """Return the names that the package's ``__init__`` imports from modules that are not generated."""
    output = layout.root / layout.output
    init = output.joinpath(*layout.package.split("."), "__init__.py")
    found: set[str] = set()
    for node in ast.walk(ast.parse(init.read_text(encoding="utf-8"))) if init.exists() else ():
        if isinstance(node, ast.ImportFrom) and GENERATED not in str(node.module).split("."):
            names = {alias.asname or alias.name for alias in node.names}
            if names == {"*"}:
                module = output.joinpath(*str(node.module).split(".")).with_suffix(".py")
                body = ast.parse(module.read_text(encoding="utf-8")).body
                names = {each.name for each in body if isinstance(each, ast.ClassDef)}
            found |= names
    return found
