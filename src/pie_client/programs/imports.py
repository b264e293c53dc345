"""Find the imports that an uploaded function needs.

They come from the source of the function's module, with the fallbacks around them, if they bind the objects that the names
have now. Where there is no such source, as in a notebook, they are written from the objects themselves.
"""

import ast
import builtins
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

_MISSING = object()
"""Stands for the value of an import that fails here."""
_Value = str | bytes | int | float | complex | bool | None
"""A value that a fallback may have instead of an import."""


class _Statement(NamedTuple):
    """A statement that can be uploaded.

    Attributes:
        text: Its source.
        gives: The values that it may bind, by name.
        has_fallback: It does not fail if an import in it does.
    """

    text: str
    gives: list[tuple[str, object]]
    has_fallback: bool = False


def find_imports(
    function: Callable[..., object], body: ast.AST, names: set[str]
) -> tuple[list[str], set[str]]:
    """Find statements that bind names as the module of a function does.

    Args:
        function: The function, whose globals have the names.
        body: Its syntax tree.
        names: The names that it uses.

    Returns:
        The statements in the order in which they are to run, and the names that no statement binds.
    """
    namespace: dict[str, object] = getattr(function, "__globals__", {})
    values = {name: namespace[name] for name in names if name in namespace}
    texts: list[str] = []
    found: set[str] = set()
    optional: set[str] = set()
    for statement in _statements_in(inspect.getmodule(function), names):
        if given := {name for name, value in statement.gives if _is_same(values.get(name, _MISSING), value)}:
            texts.append(statement.text)
            found |= given
            optional |= given if statement.has_fallback else set()
    # Before the others, because an import of a.b binds a, too. With a fallback, it may fail there.
    submodules = list(_submodules_of(body, {name: values[name] for name in values.keys() - optional}))
    for path in submodules:
        root = path.partition(".")[0]
        found |= {root} if sys.modules.get(root) is values.get(root, _MISSING) else set()
    texts = [*(f"import {path}" for path in submodules), *texts]
    for name in sorted(values.keys() - found):
        if (written := _import_for(name, values[name], namespace.get("__name__"))) is not None:
            found.add(name)
            texts.append(written)
    return list(dict.fromkeys(texts)), names - found


def _is_same(value: object, given: object) -> bool:
    if value is _MISSING or given is _MISSING:
        return False
    return value is given or (isinstance(given, _Value) and type(value) is type(given) and value == given)


# ------------------------------------------------------------- from the source of the module


def _statements_in(module: types.ModuleType | None, names: Iterable[str]) -> Iterator[_Statement]:
    """Yield the absolute imports of a module outside functions, in their order; those of ``*`` for the given names."""
    try:
        tree = ast.parse(inspect.getsource(module) if module is not None else "")
    except (OSError, TypeError, SyntaxError):
        return
    statements = tree.body[::-1]
    while statements:
        node = statements.pop()
        inner: list[ast.stmt] = []
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imports_in(node, names)
        elif isinstance(node, ast.If | ast.For | ast.While):
            inner = [*node.body, *node.orelse]
        elif isinstance(node, ast.With):
            inner = node.body
        elif isinstance(node, ast.Try) and (whole := _with_fallback(node)) is not None:
            yield whole
        elif isinstance(node, ast.Try | ast.TryStar):
            handled = [statement for handler in node.handlers for statement in handler.body]
            inner = [*node.body, *handled, *node.orelse, *node.finalbody]
        statements += reversed(inner)


def _imports_in(node: ast.Import | ast.ImportFrom, names: Iterable[str]) -> Iterator[_Statement]:
    """Yield a statement for each name that an import binds."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            # Without `as`, the import of a.b binds a. If a.b can't be imported here, don't upload its import.
            there = sys.modules.get(alias.name, _MISSING)
            value = there if alias.asname or there is _MISSING else sys.modules.get(bound, _MISSING)
            yield _Statement(ast.unparse(ast.Import([alias])), [(bound, value)])
    elif node.level == 0 and node.module is not None:
        module = sys.modules.get(node.module, _MISSING)
        for alias in node.names:
            each = [ast.alias(name) for name in sorted(names)] if alias.name == "*" else [alias]
            for one in each:
                value = _MISSING if module is _MISSING else getattr(module, one.name, _MISSING)
                text = ast.unparse(ast.ImportFrom(node.module, [one], 0))
                yield _Statement(text, [(one.asname or one.name, value)])


def _with_fallback(node: ast.Try) -> _Statement | None:
    """Return a ``try`` statement as a whole if it only imports, and binds constants, if that fails.

    Calls in it, such as one that logs, are left out. None if it does something else, which may need other names.
    """
    parts = [node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody]
    kept = [[s for s in part if not isinstance(s, ast.Expr)] for part in parts]
    gives: list[tuple[str, object]] = []
    for statement in (s for part in kept for s in part):
        if (given := _values_of(statement)) is None:
            return None
        gives += given
    imports = any(isinstance(statement, ast.Import | ast.ImportFrom) for statement in kept[0])
    if not imports or not node.handlers or not all(_is_builtin(handler.type) for handler in node.handlers):
        return None
    body, *handled, orelse, finalbody = kept
    handlers = [
        ast.ExceptHandler(handler.type, None, part or [ast.Pass()])
        for handler, part in zip(node.handlers, handled, strict=True)
    ]
    return _Statement(ast.unparse(ast.Try(body, handlers, orelse, finalbody)), gives, has_fallback=True)


def _values_of(statement: ast.stmt) -> list[tuple[str, object]] | None:
    """Return the names that a statement binds and their values here, or None if it is no import and binds no constants."""
    match statement:
        case ast.Pass():
            return []
        case ast.Import() | ast.ImportFrom(level=0) if all(alias.name != "*" for alias in statement.names):
            return [given for one in _imports_in(statement, ()) for given in one.gives]
        case ast.Assign(value=ast.Constant(value=value)):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            return [(name, value) for name in names] if len(names) == len(statement.targets) else None
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
            return None if not statement.simple else [(name, value)]
        case _:
            return None


def _is_builtin(kind: ast.expr | None) -> bool:
    """Return whether what an ``except`` clause catches needs no import."""
    parts = kind.elts if isinstance(kind, ast.Tuple) else [] if kind is None else [kind]
    return all(isinstance(part, ast.Name) and hasattr(builtins, part.id) for part in parts)


# ------------------------------------------------------------- from the objects


def _submodules_of(body: ast.AST, values: Mapping[str, object]) -> Iterator[str]:
    """Yield the names of the submodules that a function reaches through its modules, as in ``xml.etree.ElementTree``.

    Another module, or another cell of a notebook, may have imported them here.
    """
    found = {
        path for node in ast.walk(body) if isinstance(node, ast.Attribute) if (path := _path(node, values))
    }
    for path in sorted(found):
        if not any(other.startswith(f"{path}.") for other in found):
            yield path


def _path(node: ast.Attribute, values: Mapping[str, object]) -> str | None:
    """Return the full name of a submodule that an expression names, or None if it is something else."""
    names = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    module = values.get(inner.id) if isinstance(inner, ast.Name) else None
    if not isinstance(module, types.ModuleType):
        return None
    path = module.__name__
    for name in reversed(names):
        path = f"{path}.{name}"
        module = getattr(module, name, None)
        if not isinstance(module, types.ModuleType) or sys.modules.get(path) is not module:
            return None
    return path


def _import_for(name: str, value: object, own_module: object) -> str | None:
    """Return a statement that imports a module, function or class, or None if no statement does."""
    if isinstance(value, types.ModuleType):
        home = value.__name__
        if sys.modules.get(home) is not value or home in ("__main__", own_module):
            return None
        return f"import {home}" + (f" as {name}" if name != home else "")
    defined_in: object = getattr(value, "__module__", None)
    if not isinstance(defined_in, str) or defined_in in ("__main__", own_module):
        return None
    # Functions of a hidden object, such as random.randint, have a qualified name that is not one of the module.
    for own in (getattr(value, "__qualname__", None), getattr(value, "__name__", None)):
        if isinstance(own, str) and getattr(sys.modules.get(defined_in), own, None) is value:
            return f"from {defined_in} import {own}" + (f" as {name}" if name != own else "")
    return None
