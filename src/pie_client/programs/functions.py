"""Python functions as programs: what of them travels, under which name and version."""

import __future__

import ast
import builtins
import functools
import inspect
import re
import symtable
import sys
import types
import typing
from collections.abc import Callable, Coroutine, Iterator
from typing import Generic, ParamSpec, TypeVar, overload

from blake3 import blake3

from pie_client._generated.families import SCRIPT_ENTRY, SCRIPT_RUNTIME
from pie_client._generated.models import Manifest, ManifestPackage, ManifestParameter
from pie_client.errors import InvalidArgumentError
from pie_client.programs.manifest import checked_manifest, program_of

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

FUTURE = "from __future__ import annotations\n"
VERSION_BITS = 48
"""Bits of the digest in each of two parts of a derived version: few enough for any integer, enough to tell apart."""
BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


class Inferlet(Generic[P, R_co]):
    """A Python function that can run as a program on servers that run scripts (0.5). Made by :func:`inferlet`.

    Calling it runs the function here. ``await client.run(it, ...)`` installs it where it is missing and launches it.

    Attributes:
        name: Name of the program.
        version: Its version, derived from all that is uploaded unless one was given.
        program: ``name@version``.
        source: The Python source that is uploaded.
        manifest: The Pie.toml that is uploaded with it.
        pinned: The version was given, and says nothing about the source.
    """

    def __init__(
        self,
        function: Callable[P, Coroutine[object, object, R_co]],
        *,
        name: str | None = None,
        version: str | None = None,
        description: str | None = None,
    ) -> None:
        _check_function(function)
        self._function: Callable[P, Coroutine[object, object, R_co]] = function
        self._signature = inspect.signature(function)
        self._parameters = dict(_parameters(function, self._signature))
        self._description = description or (inspect.getdoc(function) or "").partition("\n")[0] or None
        self._given_version = version
        self.pinned = version is not None
        self.name = name if name is not None else _program_name(function.__name__)
        self._lines = _lines_of(function)
        functools.update_wrapper(self, function)
        if name is not None or version is not None:
            checked_manifest(self._manifest(version or "0.0.0"))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, object, R_co]:
        """Run the function here, as any function."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Inferlet {self.name}>"

    @functools.cached_property
    def source(self) -> str:
        """The Python source that is uploaded. Raises InvalidArgumentError when something it uses can't travel."""
        return _script_of(self._function, self._lines)

    @property
    def version(self) -> str:
        """Version of the program."""
        return self.manifest.package.version

    @property
    def program(self) -> str:
        """The program as ``name@version``."""
        return program_of(self.manifest)

    @functools.cached_property
    def manifest(self) -> Manifest:
        """The manifest that is uploaded."""
        return self._manifest(self._given_version or self._derived_version())

    def input_of(self, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        """Give the launch input for a call.

        Args:
            args: Arguments without a name.
            kwargs: Arguments by name.

        Raises:
            InvalidArgumentError: The function can't be called like that.
        """
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidArgumentError(f"{self.name} can't be called like that: {error}") from None
        found: dict[str, object] = {}
        for name, value in bound.arguments.items():
            if self._signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                found |= value
            else:
                found[name] = value
        return found

    def _manifest(self, version: str) -> Manifest:
        return Manifest(
            package=ManifestPackage(name=self.name, version=version, description=self._description),
            runtime={**SCRIPT_RUNTIME, SCRIPT_ENTRY: self._function.__name__},
            parameters=self._parameters or None,
        )

    def _derived_version(self) -> str:
        described = checked_manifest(self._manifest("0.0.0"))[0]
        digest = int.from_bytes(blake3(f"{len(described)}\n{described}{self.source}".encode()).digest())
        mask = (1 << VERSION_BITS) - 1
        return f"0.{digest & mask}.{digest >> VERSION_BITS & mask}"


@overload
def inferlet(function: Callable[P, Coroutine[object, object, R_co]], /) -> Inferlet[P, R_co]: ...
@overload
def inferlet(
    *, name: str | None = None, version: str | None = None, description: str | None = None
) -> Callable[[Callable[P, Coroutine[object, object, R_co]]], Inferlet[P, R_co]]: ...
def inferlet(
    function: Callable[P, Coroutine[object, object, R_co]] | None = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    description: str | None = None,
) -> Inferlet[P, R_co] | Callable[[Callable[P, Coroutine[object, object, R_co]]], Inferlet[P, R_co]]:
    """Make an async function a program that ``client.run`` installs and launches.

    What travels is the source of the function, without annotations of its parameters and without comments, and the
    imports of its module that it uses. Anything else of the module has to be moved into the function or passed as an
    argument; the engine's ``inferlet`` package is imported inside it.

    Args:
        function: The function; its parameters become those of the program.
        name: Name of the program; by default the function's, with ``-`` for ``_``.
        version: Version as major.minor.patch. By default it is derived from all that is uploaded, so that a change of
            anything is another program. With a version of your own the program is uploaded anew once per connection; what
            another client uploads under it after that is what runs.
        description: What it does, in a line; by default the first line of the docstring.

    Raises:
        InvalidArgumentError: It is no async function, or can't be called by keywords.
        ManifestError: The name or version is not of the form that servers launch.
    """
    if function is not None:
        return Inferlet(function)
    return lambda decorated: Inferlet(decorated, name=name, version=version, description=description)


def _program_name(function_name: str) -> str:
    name = re.sub(r"[^a-zA-Z0-9]+", "-", function_name).strip("-")
    if not name:
        raise InvalidArgumentError(f"no program name can be made of {function_name!r}; pass name=")
    return name


def _check_function(function: Callable[..., object]) -> None:
    """Raise InvalidArgumentError unless something is an async function that can travel."""
    name = getattr(function, "__name__", repr(function))
    if inspect.isasyncgenfunction(function):
        raise InvalidArgumentError(f"{name!r} is an async generator; return a list, or send messages")
    if not inspect.iscoroutinefunction(function) or not inspect.isfunction(function):
        raise InvalidArgumentError(f"{name!r} is no async function; write `async def`")
    if hasattr(function, "__wrapped__"):
        raise InvalidArgumentError(
            f"{name!r} has another decorator below @inferlet, which would stay behind; put @inferlet next to the function"
        )
    if "." in function.__qualname__.rpartition("<locals>.")[2]:
        raise InvalidArgumentError(f"{name!r} is a method, whose self would stay behind; make it a function")


def _parameters(
    function: Callable[..., object], signature: inspect.Signature
) -> Iterator[tuple[str, ManifestParameter]]:
    """Give the parameters that a manifest can describe."""
    kinds: dict[object, typing.Literal["string", "int", "float", "bool"]] = {
        str: "string",
        int: "int",
        float: "float",
        bool: "bool",
    }
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise InvalidArgumentError(
                f"{name!r} of {function.__name__} can't be passed by keyword, as programs are called; make it an ordinary parameter"
            )
        hint = _hint(function, name)
        inner = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        nullable = len(inner) == 1 and type(None) in typing.get_args(hint)
        try:
            kind = kinds.get(inner[0] if nullable else hint)
        except TypeError:  # a hint that can't be hashed
            continue
        if kind is not None:
            optional = parameter.default is not parameter.empty
            yield name, ManifestParameter(type=kind, optional=True if optional else None)


def _hint(function: Callable[..., object], name: str) -> object:
    """Give the annotation of a parameter; None where it can't be evaluated here, or there is none."""
    found = function.__annotations__.get(name)
    if not isinstance(found, str):
        return found
    alone = types.SimpleNamespace(__annotations__={name: found})
    try:
        return typing.get_type_hints(alone, globalns=getattr(function, "__globals__", {}))[name]
    except Exception:  # noqa: BLE001 - whatever a program writes there, it only describes
        return None


def _lines_of(function: Callable[..., object]) -> list[str] | None:
    """Give the lines of a function's source as they are now, before the file can change; None where there is none."""
    try:
        return inspect.getsourcelines(function)[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None


def _script_of(function: Callable[..., object], lines: list[str] | None) -> str:
    """Give a source file that defines the function and imports what it uses of its module."""
    node = _definition(function.__name__, lines)
    node.decorator_list.clear()
    node.returns = None
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None  # its names may exist here only, and would be evaluated there
    for statement in node.body:
        _WithoutHints().visit(statement)
    header = FUTURE if function.__code__.co_flags & __future__.annotations.compiler_flag else ""
    try:
        body = ast.unparse(node)
    except ValueError as error:
        raise InvalidArgumentError(
            f"the source of {node.name} can't be written for the engine ({error}); move the expression out of the f-string"
        ) from None
    closure = set(function.__code__.co_freevars)
    namespace: dict[str, object] = function.__globals__
    used = _globals_of(header + body) - {node.name}
    used -= {name for name in BUILTINS - closure if name not in namespace or name.startswith("__")}
    statements = _imports_of(function, used - closure)
    if missing := sorted(used - statements.keys()):
        raise InvalidArgumentError(
            f"{node.name} uses {', '.join(missing)}, which stays behind; import or define it inside {node.name}, or pass it as an argument"
        )
    imports = sorted({statement for needed in statements.values() for statement in needed})
    return header + "\n".join([*imports, "", "", body, ""])


class _WithoutHints(ast.NodeTransformer):
    """Empties annotations that Python does not evaluate: those of a function's own variables."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        if node.simple:
            node.annotation = ast.Constant(None)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.visit(statement)
        return node


def _definition(name: str, lines: list[str] | None) -> ast.AsyncFunctionDef:
    """Find the definition in the lines of a function's source."""
    text = "".join(lines or [])
    try:
        tree = ast.parse("if True:\n" + text if text[:1].isspace() else text)
    except SyntaxError:
        tree = ast.Module([], [])
    statements = tree.body
    if len(statements) == 1 and isinstance(statements[0], ast.If):
        statements = statements[0].body
    if (
        len(statements) != 1
        or not isinstance(statements[0], ast.AsyncFunctionDef)
        or statements[0].name != name
    ):
        raise InvalidArgumentError(
            f"the source of {name} can't be found; define it in a file, by `async def {name}`"
        )
    return statements[0]


def _globals_of(source: str) -> set[str]:
    """Give the names that a source file uses and does not define."""
    tables = [symtable.symtable(source, "inferlet", "exec")]
    top = tables[0]
    used: set[str] = set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced() and (s.is_global() or (table is top and not s.is_assigned()))
        }
    return used


def _imports_of(function: Callable[..., object], names: set[str]) -> dict[str, list[str]]:
    """Give for each name that the function's module imports, of those asked for, the statements that do so.

    Only those count that give what the name means here; where the module has none, as in a notebook, what it means says
    itself where it comes from.
    """
    namespace: dict[str, object] = getattr(function, "__globals__", {})
    found: dict[str, list[str]] = {}
    for bound, statement, given in _imports_in(inspect.getmodule(function)):
        if bound in names and bound in namespace and given() is namespace[bound]:
            found.setdefault(bound, []).append(statement)
    for name in names - found.keys():
        written = _import_for(name, namespace[name], namespace) if name in namespace else None
        if written is not None:
            found[name] = [written]
    return found


def _imports_in(module: types.ModuleType | None) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Give each absolute import of a module outside functions: the name it binds, itself, and how to get what it gives."""
    try:
        tree = ast.parse(inspect.getsource(module) if module is not None else "")
    except (OSError, TypeError, SyntaxError):
        return
    statements = tree.body[::-1]
    while statements:
        node = statements.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                source = alias.name if alias.asname else bound
                yield bound, ast.unparse(ast.Import([alias])), functools.partial(sys.modules.get, source)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            for alias in node.names:
                given = functools.partial(getattr, sys.modules.get(node.module), alias.name, None)
                yield alias.asname or alias.name, ast.unparse(ast.ImportFrom(node.module, [alias], 0)), given
        elif isinstance(node, (ast.If, ast.For, ast.While)):
            statements += [*node.body, *node.orelse]
        elif isinstance(node, ast.With):
            statements += node.body
        elif isinstance(node, (ast.Try, ast.TryStar)):
            handled = [statement for handler in node.handlers for statement in handler.body]
            statements += [*node.body, *handled, *node.orelse, *node.finalbody]


def _import_for(name: str, value: object, namespace: dict[str, object]) -> str | None:
    """Give a statement that imports a module, function or class that is not the function's own module's."""
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__}" + (f" as {name}" if name != value.__name__ else "")
    home, own = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if (
        not isinstance(home, str)
        or not isinstance(own, str)
        or home in ("__main__", namespace.get("__name__"))
    ):
        return None
    if getattr(sys.modules.get(home), own, None) is not value:
        return None
    return f"from {home} import {own}" + (f" as {name}" if name != own else "")
