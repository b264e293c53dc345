"""Python functions as programs: what of them travels, under which name and version."""

import ast
import builtins
import functools
import inspect
import re
import symtable
import typing
from collections.abc import Callable, Coroutine, Iterator
from typing import Generic, ParamSpec, TypeVar, overload

from blake3 import blake3

from pie_client._generated.families import SCRIPT_ENTRY, SCRIPT_RUNTIME
from pie_client._generated.models import Manifest, ManifestPackage, ManifestParameter
from pie_client.errors import InvalidArgumentError
from pie_client.manifests import checked_manifest, program_of

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

HEADER = "from __future__ import annotations\n"
"""Keeps the engine from evaluating annotations, whose names may exist here only."""
VERSION_BITS = 48
"""Bits of the digest in each of two parts of a derived version: few enough for any integer, enough to tell apart."""
ALWAYS_THERE = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


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
        if not inspect.iscoroutinefunction(function) or not inspect.isfunction(function):
            raise InvalidArgumentError(
                f"{getattr(function, '__name__', function)!r} is no async function; write `async def`"
            )
        self._function: Callable[P, Coroutine[object, object, R_co]] = function
        self._signature = inspect.signature(function)
        self._parameters = dict(_parameters(function, self._signature))
        self._description = description or (inspect.getdoc(function) or "").partition("\n")[0] or None
        self._given_version = version
        self.pinned = version is not None
        self.name = name if name is not None else _program_name(function.__name__)
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
        return _script_of(self._function)

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

    What travels is the source of the function and the imports of its module that it uses. Anything else of the module
    has to be moved into the function or passed as an argument; the engine's ``inferlet`` package is imported inside it.

    Args:
        function: The function; its parameters become those of the program.
        name: Name of the program; by default the function's, with ``-`` for ``_``.
        version: Version as major.minor.patch. By default it is derived from all that is uploaded, so that a change of
            anything is another program. With a version of your own the program is uploaded anew once per connection.
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
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        hints = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise InvalidArgumentError(
                f"{name!r} of {function.__name__} can't be passed by keyword, as programs are called; make it an ordinary parameter"
            )
        hint = hints.get(name)
        inner = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        nullable = len(inner) == 1 and type(None) in typing.get_args(hint)
        kind = kinds.get(inner[0] if nullable else hint)
        if kind is not None:
            optional = parameter.default is not parameter.empty
            yield name, ManifestParameter(type=kind, optional=True if optional else None)


def _script_of(function: Callable[..., object]) -> str:
    """Give a source file that defines the function and imports what it uses of its module."""
    name = function.__name__
    try:
        lines, _ = inspect.getsourcelines(function)
        text = "".join(lines)
        indented = text[:1].isspace()
        tree = ast.parse("if True:\n" + text if indented else text)
    except (OSError, TypeError, SyntaxError) as error:
        raise InvalidArgumentError(
            f"the source of {name} can't be found ({one_word(error)}); define it in a file"
        ) from None
    found = [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef) and node.name == name]
    if not found:
        raise InvalidArgumentError(
            f"the source of {name} is no `async def {name}`; define it by its own name"
        )
    node = found[0]
    if indented:
        node.decorator_list.clear()
        body = ast.unparse(node)  # dedenting the text would change texts in it
    else:
        body = "".join(lines[node.lineno - 1 :])
    used = _globals_of(HEADER + body) - ALWAYS_THERE - {name}
    own = inspect.getclosurevars(function).nonlocals
    module = inspect.getmodule(function)
    imports = _imports_of(module, used - own.keys())
    if missing := sorted(used - imports.keys()):
        raise InvalidArgumentError(
            f"{name} uses {', '.join(missing)}, which stays behind; define it inside {name}, or pass it as an argument"
        )
    return "\n".join([HEADER + "".join(f"{line}\n" for line in dict.fromkeys(imports.values())), "", body])


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
            if s.is_referenced()
            and (s.is_global() or (table is top and not s.is_assigned() and not s.is_imported()))
        }
    return used


def _imports_of(module: object, names: set[str]) -> dict[str, str]:
    """Give for each name that a module imports, of those asked for, the statement that does so."""
    try:
        tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]  # None raises TypeError, which is meant
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (bound := alias.asname or alias.name.partition(".")[0]) in names:
                    found[bound] = ast.unparse(ast.Import([alias]))
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if (bound := alias.asname or alias.name) in names:
                    found[bound] = ast.unparse(ast.ImportFrom(node.module, [alias], 0))
    return found


def one_word(error: Exception) -> str:
    """Name a kind of error."""
    return type(error).__name__
