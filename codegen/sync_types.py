"""The names that a module of the asynchronous client binds, and its annotations as those of a synchronous one."""

import ast
from typing import Final

FACES: Final = {
    "_generated.calls": ("Calls",),
    "process": ("Process",),
    "launching": ("Runner",),
    "maps.mapping": ("Map",),
    "client": ("PieClient",),
    "auth.agent": ("agent_keys",),
}
"""Faces: classes and functions with calls that wait, by module. The synchronous package has each under the same name."""
READERS: Final = {"Process"}
"""Those whose events are handed over many at a time."""
TYPES: Final = {"AsyncGenerator": "Generator", "AsyncIterator": "Iterator"}


def stem_of(module: str) -> str:
    return module.rpartition(".")[2]


class Source:
    """The names that a module binds."""

    def __init__(self, package: str, module: str, tree: ast.Module) -> None:
        self.package = package
        self.module = module
        self.full_name = f"{package}.{module}"
        self.imports: dict[str, ast.stmt] = {}
        """Statements that import a name, also those for checkers only."""
        self.lazy: dict[str, ast.stmt] = {}
        """Assignments of lazy modules."""
        self.for_checkers: set[str] = set()
        self.defined: dict[str, ast.stmt] = {}
        self._read(tree.body, for_checkers=False)

    def _read(self, body: list[ast.stmt], *, for_checkers: bool) -> None:
        for node in body:
            names: list[str] = []
            match node:
                case ast.Import() | ast.ImportFrom():
                    for alias in node.names:
                        bound = alias.asname or alias.name
                        names.append(bound)
                        single = [ast.alias(alias.name, alias.asname)]
                        self.imports[bound] = (
                            ast.Import(single)
                            if isinstance(node, ast.Import)
                            else ast.ImportFrom(node.module, single, 0)
                        )
                case ast.If(test=ast.Name("TYPE_CHECKING")):
                    self._read(node.body, for_checkers=True)
                    self._read(node.orelse, for_checkers=False)
                case ast.Assign(targets=[ast.Name(name)], value=ast.Call(func=ast.Name("LazyModule"))):
                    self.lazy[name] = node
                case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                    names.append(name)
                    self.defined[name] = node
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    names.append(name)
                    self.defined[name] = node
                case _:
                    pass
            for name in names:
                if for_checkers:
                    self.for_checkers.add(name)
                else:
                    self.for_checkers.discard(name)

    def face(self, node: ast.expr) -> tuple[str, str] | None:
        """Return the module and name of the face that a class in an annotation is, without its parameters, or None."""
        if isinstance(node, ast.Subscript):
            node = node.value
        found: tuple[str, str] | None = None
        match node:
            case ast.Attribute(value=ast.Name(alias), attr=name):
                found = self._imported_module(alias), name
            case ast.Name(name) if name in self.defined:
                found = self.module, name
            case ast.Name(name) if isinstance(imported := self.imports.get(name), ast.ImportFrom):
                found = str(imported.module).removeprefix(f"{self.package}."), imported.names[0].name
            case _:
                pass
        return found if found is not None and found[1] in FACES.get(found[0], ()) else None

    def _imported_module(self, alias: str) -> str:
        match self.imports.get(alias):
            case ast.ImportFrom(module=str(module), names=[ast.alias(name)]):
                return f"{module}.{name}".removeprefix(f"{self.package}.")
            case _:
                return ""


class Types(ast.NodeTransformer):
    """Translates annotations and bases."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.faces: set[str] = set()
        """Modules of the other faces that were named."""

    def named(self, face: tuple[str, str]) -> ast.expr:
        module, name = face
        if module == self._source.module:
            return ast.Name(name)
        self.faces.add(module)
        return ast.Attribute(ast.Name(alias_of(module)), name)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        face = self._source.face(node)
        return ast.Name(TYPES.get(node.id, node.id)) if face is None else self.named(face)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if (face := self._source.face(node)) is not None:
            return self.named(face)
        if ast.unparse(node) == "contents.Source":
            return ast.Attribute(ast.Name("feeds"), "Source")
        return ast.Attribute(self.visit(node.value), TYPES.get(node.attr, node.attr))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        # Of `Iterable[I] | AsyncIterable[I]` only the first.
        left, right = self.visit(node.left), self.visit(node.right)
        return left if "AsyncIterable" in ast.unparse(right) else ast.BinOp(left, node.op, right)


def alias_of(module: str) -> str:
    """Return the name of the synchronous module of a face."""
    return f"sync_{stem_of(module)}"
