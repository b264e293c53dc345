"""Write the synchronous classes of the client from the source of the asynchronous ones.

Each module of FACES becomes one of the package ``sync._generated``. A class there holds an object of the asynchronous class of
the same name, and runs its methods in the thread of ``sync.loop_thread``. Names, parameters, defaults and annotations are those
of the source, and so are docstrings, but for the few words in TEXTS. What has no translation is an error.
"""

import ast
import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from codegen.layout import GENERATED, Layout
from codegen.schema import CodegenError
from codegen.sync_types import FACES, READERS, TYPES, Source, Types, alias_of, stem_of

PUBLIC: Final = "PieClient"
"""The class that users create. Others are returned by it."""
NOTICE: Final = "Written by `python -m codegen generate` from the asynchronous classes; never edited."
AIO: Final = "aio"
"""Name of the asynchronous module in the generated one."""
RUNTIME: Final = {"loop_thread", "feeds", "reading"}
"""Hand-written modules of the package ``sync``."""

METHODS: Final = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
}
VERBS: Final = {"__anext__": "step", "__aexit__": "leave"}
"""What the thread does in methods that it treats like no other."""
LEFT_OUT: Final = {"__del__", "__init__", "__reduce__", "__repr__", "__slots__"}
"""Members that handles have of another kind, or that the asynchronous object keeps for itself."""
LOST: Final = "An interruption, as by Ctrl-C, may lose what arrives at that moment."
TEXTS: Final = (
    (r"\b([Aa])n(\s+``)async with\b", r"\1\2with"),
    (r"\basync (with|for)\b", r"\1"),
    (r"\ban async (context|iterable)", r"a \1"),
    (r"\ba iterable", "an iterable"),
    (r"(?m)(= |^ +)await ", r"\1"),
    (r"\bAn asynchronous (iterator)", r"An \1"),
    (
        r"any iterable or asynchronous iterable\. An ordinary one is read in the event loop, and\s+should not block\.",
        "any iterable. It is read in a thread of its own, so it may block.",
    ),
    (r"\b([Cc]alled) in the event loop\b", r"\1 in the thread of the clients"),
    (
        r"\btasks may use one client concurrently, in the event loop in(\s+)which it connected\. ",
        r"threads may use one client concurrently.\1",
    ),
    (r"\b([Ss]everal) tasks\b", r"\1 threads"),
    (r"\bCancelling the call, or a timeout, loses no event\.", "A timeout loses no event. " + LOST),
    (r"\bCancelling a wait[^.]*, loses no(\s+)result[^.]*\. ", rf"{LOST}\1"),
    (r"\bBoth ways can be mixed and interrupted without(\s+)losing events\. ", r"Both ways can be mixed.\1"),
    (r"\bCancelling the call\b", "Interrupting the call"),
    (r"\blaunch that is cancelled\b", "launch that is interrupted"),
    (
        r"The client (?:is connected in|belongs to) another event loop\.",
        "The client belongs to a process that forked this one.",
    ),
)
"""What docstrings of synchronous methods say otherwise."""
FOREIGN: Final = re.compile(r"\b(async|asynchronous|await|event loop|tasks?|[Cc]ancelling|is cancelled)\b")
"""Words that no docstring of a synchronous method has."""


def render(layout: Layout, generated: Mapping[Path, str]) -> dict[Path, str]:
    """Return the text of each synchronous module, not formatted; none for a package without a client.

    Args:
        layout: Where the package is.
        generated: The generated files of the same run, which the package may not have yet.

    Raises:
        CodegenError: A method can't be translated.
    """
    package = layout.output.joinpath(*layout.package.split("."))
    if not (layout.root / package / "client.py").exists():
        return {}
    files = {layout.synchronous / "__init__.py": f'"""The synchronous classes.\n\n{NOTICE}\n"""\n'}
    for module, names in FACES.items():
        path = package.joinpath(*module.split(".")).with_suffix(".py")
        text = generated[path] if path in generated else (layout.root / path).read_text(encoding="utf-8")
        source = Source(layout.package, module, ast.parse(text))
        files[layout.synchronous / f"{stem_of(module)}.py"] = _Writer(source, names).module()
    return files


class _Writer:
    """Writes one synchronous module."""

    def __init__(self, source: Source, names: tuple[str, ...]) -> None:
        self._source = source
        self._names = names
        self._types = Types(source)
        self._where = source.full_name

    def module(self) -> str:
        """Return the module."""
        body = "\n\n".join(ast.unparse(ast.fix_missing_locations(each)) for each in self._definitions())
        stem = stem_of(self._source.module)
        head = f'"""Synchronous classes for ``{self._source.full_name}``.\n\n{NOTICE}\n"""'
        if all(not isinstance(self._source.defined[name], ast.ClassDef) for name in self._names):
            head = head.replace("classes", "functions", 1)
        names = f"__all__ = {sorted(self._names)!r}"
        return f"{head}\n\nfrom __future__ import annotations\n\n{self._imports(body, stem)}\n\n{body}\n\n{names}\n"

    def _imports(self, body: str, stem: str) -> str:
        """Return the imports of what the body uses."""
        package, source = self._source.package, self._source
        used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)} - {
            "TYPE_CHECKING"
        }
        now: list[str] = [f"from {package}.lazy import LazyModule"]
        checked: list[str] = []
        late: list[str] = []
        for name in sorted(used):
            if name in source.defined and name not in self._names:
                line = f"from {source.full_name} import {name}"
                (checked if name in source.for_checkers else now).append(line)
            elif name in source.imports:
                node = _translated_import(source.imports[name], name)
                (checked if name in source.for_checkers else now).append(ast.unparse(node))
                late += [ast.unparse(source.lazy[name])] if name in source.lazy else []
            elif original := next((old for old, new in TYPES.items() if new == name), None):
                now.append(ast.unparse(_translated_import(source.imports[original], name)))
        modules = {name: (f"{package}.sync", name) for name in RUNTIME & used}
        modules |= {
            alias_of(each): (f"{package}.sync.{GENERATED}", stem_of(each)) for each in self._types.faces
        }
        if AIO in used:
            modules[AIO] = source.full_name.rpartition(".")[0], stem
        for alias, (parent, name) in sorted(modules.items()):
            checked.append(f"from {parent} import {name}" + (f" as {alias}" if alias != name else ""))
            late.append(f"{alias} = LazyModule('{parent}.{name}')")
        if checked:
            now.append("TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing")
        block = ["if TYPE_CHECKING:", *(f"    {line}" for line in checked)] if checked else []
        block += ["else:", *(f"    {line}" for line in late)] if late else []
        return "\n".join([*now, *block])

    # ------------------------------------------------------------- definitions

    def _definitions(self) -> Iterator[ast.stmt]:
        for name in self._names:
            match self._source.defined.get(name):
                case ast.ClassDef() as node:
                    yield self._class(node)
                case ast.AsyncFunctionDef() as node:
                    self._where = name
                    yield self._method(node, f"{AIO}.{name}", "loop_thread.running()", overloaded=False)
                case _:
                    raise CodegenError(
                        [f"{self._source.full_name} defines no class or async function {name}"]
                    )

    def _class(self, node: ast.ClassDef) -> ast.ClassDef:
        self._where = node.name
        bases = [base for base in node.bases if ast.unparse(base) != "Protocol"]
        parameters = [
            name.id
            for base in bases
            for name in ast.walk(base)
            if isinstance(name, ast.Name) and self._is_type_variable(name.id)
        ]
        held = f"{AIO}.{node.name}" + (f"[{', '.join(dict.fromkeys(parameters))}]" if parameters else "")
        overloaded = {each.name for each in _functions(node.body) if _is_overload(each)}
        body: list[ast.stmt] = [self._documented(node)]
        body += self._constructor(node) if node.name == PUBLIC else _handle_constructor(node.name, held)
        body += self._members(node.body, overloaded)
        for name in sorted(
            overloaded - {each.name for each in _functions(node.body) if not _is_overload(each)}
        ):
            body.append(self._implementation(next(e for e in _functions(node.body) if e.name == name)))
        body += _parse("def __repr__(self) -> str:\n    return repr(self._async)")
        if any(each.name == "__reduce__" for each in _functions(node.body)):
            body += _parse(
                "def __reduce__(self) -> str | tuple[object, ...]:\n    return self._async.__reduce__()"
            )
        translated = [self._types.visit(base) for base in bases]
        return ast.ClassDef(node.name, translated, [], body, [])

    def _is_type_variable(self, name: str) -> bool:
        match self._source.defined.get(name):
            case ast.Assign(value=ast.Call(func=function)):
                return ast.unparse(function).rpartition(".")[2] in {"TypeVar", "ParamSpec"}
            case _:
                return False

    def _members(self, body: list[ast.stmt], overloaded: set[str]) -> Iterator[ast.stmt]:
        for node in body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    if name in LEFT_OUT or (name.startswith("_") and not name.startswith("__")):
                        continue
                    if name.startswith("__") and name not in METHODS and name != "__call__":
                        raise self._error(name, "no synchronous class has such a method")
                    if _is_overload(node):
                        yield self._overload(node)
                    else:
                        yield self._method(
                            node, f"self._async.{name}", "self._thread", overloaded=name in overloaded
                        )
                case ast.If(test=ast.Name("TYPE_CHECKING")):
                    yield ast.If(node.test, list(self._members(node.body, overloaded)), [])
                case ast.Assign(
                    targets=[ast.Name(name)], value=ast.Call(ast.Name("staticmethod"), [ast.Name(of)])
                ):
                    yield _parse(f"{name} = staticmethod({AIO}.{of})")[0]
                case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                    if not name.startswith("_"):
                        raise self._error(name, "attributes can't be translated; make it a property")
                case ast.Expr(value=ast.Constant()):
                    pass
                case _:
                    raise self._error(ast.unparse(node).partition("\n")[0], "only methods can be translated")

    def _constructor(self, node: ast.ClassDef) -> list[ast.stmt]:
        source = next(each for each in _functions(node.body) if each.name == "__init__")
        text = f"""
def __init__(self) -> None:
    self._thread = loop_thread.running()
    self._async = {AIO}.{node.name}({self._arguments(source.args)})
    self._thread.keep(self._async)
"""
        (made,) = _parse(text)
        assert isinstance(made, ast.FunctionDef)  # noqa: S101 - for checkers
        made.args = self._parameters(source.args)
        return [made]

    def _overload(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.FunctionDef:
        return self._function(node, [ast.Expr(ast.Constant(...))])

    def _implementation(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.FunctionDef:
        """Return a method that takes the arguments of every overload of one that is not implemented."""
        called = "self._async" if node.name == "__call__" else f"self._async.{node.name}"
        call = f"loop_thread.untyped({called})(*args, **kwargs)"
        assert node.returns is not None  # noqa: S101 - for checkers
        face = self._source.face(node.returns)
        if face is None:
            raise self._error(node.name, "it is not implemented, and returns no handle")
        shown = ast.unparse(self._types.named(face))
        result = f"{shown}(self._thread, self._thread.wait(lambda: {call}))"
        text = f"def {node.name}(self, /, *args: object, **kwargs: object) -> {shown}[object]:\n    return {result}"
        (made,) = _parse(text)
        assert isinstance(made, ast.FunctionDef)  # noqa: S101 - for checkers
        return made

    # ------------------------------------------------------------- methods

    def _method(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, called: str, thread: str, *, overloaded: bool
    ) -> ast.FunctionDef:
        decorators = [ast.unparse(each) for each in node.decorator_list]
        if decorators not in ([], ["property"]):
            raise self._error(node.name, f"its decorator {decorators} can't be translated")
        if node.returns is None:
            raise self._error(node.name, "it has no return annotation")
        if overloaded:
            called = f"loop_thread.untyped({called})"
        given = self._arguments(node.args)
        # In a function, whose name has that of the synchronous method.
        renamed = node.name in METHODS
        begin = (
            f"lambda: {called}"
            if decorators
            else f"lambda: {called}({given})"
            if given or renamed
            else called
        )
        returns = ast.unparse(node.returns)
        waits = isinstance(node, ast.AsyncFunctionDef) or returns.startswith("Awaitable[")
        if returns in ("Self", "typing.Self"):
            body = _parse(f"{thread}.{'wait' if waits else 'do'}({begin})\nreturn self")
        elif _iterates_over_itself(node):
            body = [_as_plain(each) for each in node.body[1:]]
        elif "AsyncGenerator[" in returns:
            body = _parse(f"return {thread}.iterate({begin})")
        else:
            verb = VERBS.get(node.name, "wait" if waits else "do")
            body = self._returned(node.returns, f"{thread}.{verb}({begin})", thread)
            if overloaded and self._source.face(node.returns) is None:
                text = f"found: {ast.unparse(self._types.visit(copy.deepcopy(node.returns)))} = {thread}.{verb}({begin})"
                body = _parse(f"{text}\nreturn found")
        return self._function(node, body)

    def _returned(self, returns: ast.expr, value: str, thread: str) -> list[ast.stmt]:
        """Return the statements that return a value, as a handle if it is one."""
        if isinstance(returns, ast.Constant) and returns.value is None:
            return _parse(value)
        if (face := self._source.face(returns)) is not None:
            return _parse(f"return {ast.unparse(self._types.named(face))}({thread}, {value})")
        match returns:
            case ast.Subscript(value=ast.Name("list"), slice=item) if face := self._source.face(item):
                made = f"{ast.unparse(self._types.named(face))}({thread}, each)"
                return _parse(f"return [{made} for each in {value}]")
            case _:
                if any(self._source.face(each) for each in ast.walk(returns) if isinstance(each, ast.expr)):
                    raise self._error(
                        ast.unparse(returns), "only a handle or a list of handles can be returned"
                    )
                return _parse(f"return {value}")

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, body: list[ast.stmt]
    ) -> ast.FunctionDef:
        name = METHODS.get(node.name, node.name)
        returns = node.returns
        match returns:
            case ast.Subscript(value=ast.Name("Awaitable"), slice=awaited):
                returns = awaited
            case _:
                pass
        assert returns is not None  # noqa: S101 - every method has one
        translated = self._types.visit(copy.deepcopy(returns))
        made = ast.FunctionDef(name, self._parameters(node.args), body, list(node.decorator_list), translated)
        if ast.get_docstring(node) is not None:
            made.body = [self._documented(node), *body]
        signature = f"{ast.unparse(made.args)} -> {ast.unparse(translated)}"
        if re.search(r"\bAsync|\bAwaitable|\bCoroutine", signature):
            raise self._error(node.name, f"its signature can't be translated: {signature}")
        return made

    def _parameters(self, arguments: ast.arguments) -> ast.arguments:
        made = copy.deepcopy(arguments)
        given = [*made.posonlyargs, *made.args, made.vararg, *made.kwonlyargs, made.kwarg]
        for each in given:
            if each is not None and each.annotation is not None:
                each.annotation = self._types.visit(each.annotation)
        return made

    def _arguments(self, arguments: ast.arguments) -> str:
        """Return the arguments that pass on all parameters."""
        named = [*arguments.posonlyargs, *arguments.args]
        passed = [_passed(each) for each in named if each.arg != "self"]
        passed += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
        passed += [f"{each.arg}={_passed(each)}" for each in arguments.kwonlyargs]
        passed += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
        return ", ".join(passed)

    def _documented(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        text = ast.get_docstring(node, clean=False) or ""
        for pattern, replacement in TEXTS:
            text = re.sub(pattern, replacement, text)
        if word := FOREIGN.search(text):
            problem = f"its docstring says {word[0]!r}; say in TEXTS of {__name__} what it says here"
            raise self._error(node.name, problem)
        return ast.Expr(ast.Constant(text))

    def _error(self, name: str, problem: str) -> CodegenError:
        return CodegenError([f"{self._source.full_name}: {self._where}: {name}: {problem}"])


def _passed(argument: ast.arg) -> str:
    annotation = "" if argument.annotation is None else ast.unparse(argument.annotation)
    if "contents.Source" in annotation:
        return f"feeds.as_source({argument.arg})"
    if "AsyncIterable[" in annotation:
        return f"feeds.as_inputs({argument.arg})"
    return argument.arg


def _handle_constructor(name: str, held: str) -> list[ast.stmt]:
    thread = "reading.Reading(thread, asynchronous)" if name in READERS else "thread"
    return _parse(
        "__slots__ = ('__weakref__', '_async', '_thread')\n"
        f"def __init__(self, thread: loop_thread.LoopThread, asynchronous: {held}) -> None:\n"
        f"    self._thread = {thread}\n    self._async = asynchronous"
    )


def _iterates_over_itself(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a method is a loop over what its handle iterates over. Such a loop needs no event loop."""
    match node.body:
        case [ast.Expr(ast.Constant()), ast.AsyncFor(iter=ast.Name("self"))]:
            return not any(isinstance(each, ast.Await) for each in ast.walk(node))
        case _:
            return False


def _as_plain(loop: ast.stmt) -> ast.stmt:
    """Return an ``async for`` statement as a ``for`` statement."""
    assert isinstance(loop, ast.AsyncFor)  # noqa: S101 - for checkers
    return ast.For(loop.target, loop.iter, copy.deepcopy(loop.body), loop.orelse)


def _functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif isinstance(node, ast.If):
            yield from _functions(node.body)


def _is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(each) == "overload" for each in node.decorator_list)


def _translated_import(node: ast.stmt, name: str) -> ast.stmt:
    """Return an import of a name, of which the source may have imported an asynchronous form."""
    if isinstance(node, ast.ImportFrom) and node.names[0].name in TYPES:
        return ast.ImportFrom(node.module, [ast.alias(name)], 0)
    return node


def _parse(text: str) -> list[ast.stmt]:
    return ast.parse(text.strip()).body
