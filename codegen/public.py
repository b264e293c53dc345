"""Check that the schema gives no name that users import to something else."""

import ast
import builtins
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from codegen.layout import GENERATED, Layout
from codegen.python import Python
from codegen.schema import ERRORS, PROTOCOL


def problems(python: Python, layout: Layout) -> list[str]:
    """List the public names of a schema that are taken: by Python, by the package's own modules, or by another name."""
    given = list(_given(python))
    # The generator also makes names that the schema does not give, such as Event.
    always = Counter(chain(*python.public_names().values())) - Counter(name for _, name in given)
    taken = dict.fromkeys(dir(builtins), "Python")
    taken |= dict.fromkeys([*always, *_written_by_hand(layout)], f"the package {layout.package}")
    found: list[str] = []
    for place, name in given:
        if name in taken:
            found.append(f"schema/{place}: {name!r} is a name of {taken[name]} already; choose another")
        taken.setdefault(name, f"schema/{place}")
    return found


def _given(python: Python) -> Iterator[tuple[str, str]]:
    """Iterate over the public names that a schema gives, with their places."""
    schema = python.schema
    for row in schema.protocol["events"]:
        if row["schema"]:
            yield f"{PROTOCOL}: events: class", row["class"]
    for row in schema.errors["classes"]:
        yield f"{ERRORS}: classes", row["name"]
    titles = set(python.public_names()["models"])
    for file, document in schema.objects():
        if document["title"] in titles:
            yield f"{file}: title", document["title"]


def _written_by_hand(layout: Layout) -> set[str]:
    """Return the names that the package's ``__init__`` imports from modules that are not generated."""
    output = layout.root / layout.output
    init = output.joinpath(*layout.package.split("."), "__init__.py")
    found: set[str] = set()
    if not init.exists():
        return found
    for node in ast.walk(ast.parse(init.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and GENERATED not in str(node.module).split("."):
            for alias in node.names:
                module = output.joinpath(*str(node.module).split(".")).with_suffix(".py")
                found |= _exports(module) if alias.name == "*" else {alias.asname or alias.name}
    return found


def _exports(module: Path) -> set[str]:
    """Return the names in the ``__all__`` of a module."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return set(ast.literal_eval(value))
            case _:
                pass
    return set()
