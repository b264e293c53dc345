"""Turn Python functions into programs.

Derives from a function the script to upload, its manifest, name and version. ``install`` uploads them.
"""

import __future__

import ast
import builtins
import functools
import inspect
import re
import symtable
import types
import typing
from collections.abc import Callable, Coroutine, Iterator
from typing import Generic, ParamSpec, TypeVar, overload

from blake3 import blake3

from pie_client._generated.families import SCRIPT_ENTRY, SCRIPT_RUNTIME
from pie_client._generated.models import Manifest, ManifestPackage, ManifestParameter
from pie_client.errors import InvalidArgumentError
from pie_client.programs.imports import find_imports
from pie_client.programs.manifest import VERSION_SEPARATOR, checked_manifest

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

FUTURE = "from __future__ import annotations\n"
VERSION_BITS = 48
"""Bits of the digest in each of two parts of a derived version: they fit a 64-bit integer, and 96 bits don't collide."""
BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


class Inferlet(Generic[P, R_co]):
    """A Python function that can run as a program on servers that run scripts (0.5). Created by :func:`inferlet`.

    Calling it runs the function locally. ``await client.run(f, ...)`` installs it if it is missing and launches it.

    Attributes:
        name: Name of the program.
        version: Version of the program, derived from everything that is uploaded unless it was given.
        program: ``name@version``.
        source: The Python source that is uploaded.
        manifest: The Pie.toml that is uploaded with it.
        pinned: The version was given, not derived.
        returns: Annotation of what the function returns; None if it is missing or can't be evaluated.
    """

    __name__: str

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
        self._name = name if name is not None else _program_name(function.__name__)
        self._lines = _lines_of(function)
        functools.update_wrapper(self, function)
        if name is not None or version is not None:
            checked_manifest(self._manifest(version or "0.0.0"))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, object, R_co]:
        """Run the function locally."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Inferlet {self.name}>"

    @property
    def name(self) -> str:
        """Name of the program."""
        return self._name

    @property
    def pinned(self) -> bool:
        """Whether the version was given, not derived."""
        return self._given_version is not None

    @functools.cached_property
    def returns(self) -> object:
        """Annotation of what the function returns, or None."""
        return _hint(self._function, "return")

    @functools.cached_property
    def source(self) -> str:
        """The Python source that is uploaded. Raises InvalidArgumentError if it uses a name that can't be uploaded with it."""
        return _script_of(self._function, self._lines)

    @property
    def version(self) -> str:
        """Version of the program."""
        return self.manifest.package.version

    @property
    def program(self) -> str:
        """The program as ``name@version``."""
        return f"{self.name}{VERSION_SEPARATOR}{self.version}"

    @functools.cached_property
    def manifest(self) -> Manifest:
        """The manifest that is uploaded."""
        return self._manifest(self._given_version or self._derived_version())

    def manifest_toml(self) -> str:
        """Return the text of the manifest that is uploaded."""
        return checked_manifest(self.manifest)[0]

    def input_of(self, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        """Return the launch input for a call.

        Args:
            args: Positional arguments.
            kwargs: Keyword arguments.

        Raises:
            InvalidArgumentError: The arguments don't match the function's signature.
        """
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidArgumentError(
                f"wrong arguments for {self.name}: {error}; see its signature"
            ) from None
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
        # The version is part of the manifest, so the digest covers a manifest with a placeholder.
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
    """Turn an async function into a program that ``client.run`` installs and launches.

    The source of the function is uploaded, without comments and parameter annotations, together with the imports of its
    module that it uses. An import in a ``try`` statement is uploaded with its fallback: other imports, or constants, that
    the ``except`` clause binds. Define anything else it needs inside the function, or pass it as an argument. Import the engine's
    ``inferlet`` package inside the function.

    Args:
        function: The function. Its parameters become those of the program.
        name: Name of the program. Default: the function's name, with ``-`` instead of ``_``.
        version: Version, major.minor.patch. Default: derived from everything that is uploaded, so that any change makes
            another program. A given version is uploaded once per connection; if another client uploads it later, that
            program runs.
        description: Description in one line. Default: the first line of the docstring.

    Raises:
        InvalidArgumentError: The function is not async, or a parameter can't be passed by keyword.
        ManifestError: Servers don't launch programs with that name or version.
    """
    if function is not None:
        return Inferlet(function)
    return lambda decorated: Inferlet(decorated, name=name, version=version, description=description)


def as_function(program: object) -> Inferlet[..., object]:
    """Return a program that is not given by name. Raises InvalidArgumentError unless it is an :func:`inferlet` function."""
    if not isinstance(program, Inferlet):
        raise InvalidArgumentError(
            f"program is {type(program).__name__}; pass an @inferlet function or 'name@version'"
        )
    return typing.cast("Inferlet[..., object]", program)


def _program_name(function_name: str) -> str:
    name = re.sub(r"[^a-zA-Z0-9]+", "-", function_name).strip("-")
    if not name:
        raise InvalidArgumentError(f"can't derive a program name from {function_name!r}; pass name=")
    return name


def _check_function(function: Callable[..., object]) -> None:
    """Raise InvalidArgumentError unless a value is an async function that can be uploaded."""
    name = getattr(function, "__name__", repr(function))
    if inspect.isasyncgenfunction(function):
        raise InvalidArgumentError(f"{name!r} is an async generator; return a list, or send messages")
    if not inspect.iscoroutinefunction(function) or not inspect.isfunction(function):
        raise InvalidArgumentError(f"{name!r} is not an async function; define it with `async def`")
    if hasattr(function, "__wrapped__"):
        raise InvalidArgumentError(
            f"{name!r} has another decorator below @inferlet, which is not uploaded; remove it, or put it above @inferlet"
        )
    if "." in function.__qualname__.rpartition("<locals>.")[2]:
        raise InvalidArgumentError(f"{name!r} is a method, and its self is not uploaded; make it a function")


def _parameters(
    function: Callable[..., object], signature: inspect.Signature
) -> Iterator[tuple[str, ManifestParameter]]:
    """Yield the parameters that a manifest can describe."""
    kinds: dict[object, typing.Literal["string", "int", "float", "bool"]] = {
        str: "string",
        int: "int",
        float: "float",
        bool: "bool",
    }
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise InvalidArgumentError(
                f"parameter {name!r} of {function.__name__} can't be passed by keyword; make it an ordinary parameter"
            )
        hint = _hint(function, name)
        inner = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        nullable = len(inner) == 1 and type(None) in typing.get_args(hint)
        try:
            kind = kinds.get(inner[0] if nullable else hint)
        except TypeError:  # the annotation is not hashable
            continue
        if kind is not None:
            optional = parameter.default is not parameter.empty
            yield name, ManifestParameter(type=kind, optional=True if optional else None)


def _hint(function: Callable[..., object], name: str) -> object:
    """Return the annotation of a parameter, or of the "return" value; None if it is missing or can't be evaluated."""
    found = function.__annotations__.get(name)
    if not isinstance(found, str):
        return found
    alone = types.SimpleNamespace(__annotations__={name: found})
    try:
        return typing.get_type_hints(alone, globalns=getattr(function, "__globals__", {}))[name]
    except Exception:  # noqa: BLE001 - evaluating an annotation may raise anything; it only describes
        return None


def _lines_of(function: Callable[..., object]) -> list[str] | None:
    """Return the lines of a function's source, or None. Called when it is decorated, since the file may change later."""
    try:
        return inspect.getsourcelines(function)[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None


def _script_of(function: Callable[..., object], lines: list[str] | None) -> str:
    """Return the text of a script that defines the function and has those imports of its module that it uses."""
    node = _definition(function.__name__, lines)
    node.decorator_list.clear()
    node.returns = None
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None  # would be evaluated by the engine, where its names may be missing
    for statement in node.body:
        _VariableAnnotationRemover().visit(statement)
    header = FUTURE if function.__code__.co_flags & __future__.annotations.compiler_flag else ""
    try:
        body = ast.unparse(node)
    except ValueError as error:
        raise InvalidArgumentError(
            f"can't write the source of {node.name} for the engine ({error}); move the expression out of the f-string"
        ) from None
    # A name of an enclosing function is not a global, even if a global or a built-in has the same name.
    closure = set(function.__code__.co_freevars)
    namespace: dict[str, object] = function.__globals__
    used = _globals_of(header + body) - {node.name}
    used -= {name for name in BUILTINS - closure if name not in namespace or name.startswith("__")}
    imports, unbound = find_imports(function, node, used - closure)
    if missing := sorted(unbound | (used & closure)):
        raise InvalidArgumentError(
            f"{node.name} uses {', '.join(missing)}, which is not uploaded with it; define it inside {node.name}, or pass it as an argument"
        )
    return header + "\n".join([*imports, "", "", body, ""])


class _VariableAnnotationRemover(ast.NodeTransformer):
    """A transformer that sets the annotations of local variables, which Python does not evaluate, to None."""

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
    """Parse the definition of a function from the lines of its source."""
    text = "".join(lines or [])
    # Indented source, of a nested function, parses only inside a block; dedenting would change multi-line strings.
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
            f"can't find the source of {name}; define it in a file with `async def {name}`"
        )
    return statements[0]


def _globals_of(source: str) -> set[str]:
    """Return the names that a source file uses and does not define."""
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
