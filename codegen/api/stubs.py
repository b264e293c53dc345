"""Reduce a package's sources to what users can see: signatures, fields and exported names.

The result is a tree of modules that griffe loads as it loads the sources, and that is small enough to be kept for comparisons.
"""

import ast
from pathlib import Path
from typing import cast

LONGEST = 120
"""Characters of a value above which it is left out; defaults of parameters are shorter."""
BODY: list[ast.stmt] = [ast.Expr(ast.Constant(...))]


def stubs(package: Path) -> dict[str, str]:
    """Return the text of a stub for each module of a package, by its path below the package's folder."""
    found: dict[str, str] = {}
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).with_suffix(".pyi").as_posix()
        tree = _Reducer().visit(ast.parse(path.read_text(encoding="utf-8")))
        found[name] = ast.unparse(ast.fix_missing_locations(cast("ast.Module", tree))) + "\n"
    return found


class _Reducer(ast.NodeTransformer):
    """A transformer that removes bodies, docstrings, long values and private functions."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Keep the parameters of a constructor only if it is for users: its class describes them."""
        described = "Args:" in (ast.get_docstring(node) or "")
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__" and not described:
                each.args = ast.arguments([], [ast.arg("self")], None, [], [], None, [])
        self.generic_visit(node)
        node.body = node.body or list(BODY)
        return node

    def visit_Expr(self, node: ast.Expr) -> None:
        """Remove docstrings and calls."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Keep what type checkers see."""
        self.generic_visit(node)
        return node.body

    def visit_For(self, node: ast.For) -> None:
        """Remove loops that prepare values."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST | None:
        return self._function(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if any(map(_is_private, names)):
            return None
        if "__all__" not in names:
            node.value = _short(node.value)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if isinstance(node.target, ast.Name) and _is_private(node.target.id):
            return None
        node.value = node.value and _short(node.value)
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST | None:
        if _is_private(node.name):
            return None
        node.body = (_attributes(node) if node.name == "__init__" else []) or list(BODY)
        return node


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def _short(value: ast.expr) -> ast.expr:
    return value if len(ast.unparse(value)) <= LONGEST else ast.Constant(...)


def _attributes(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Return assignments to the public attributes that a constructor sets."""
    found: dict[str, ast.stmt] = {}
    for each in ast.walk(node):
        targets = each.targets if isinstance(each, ast.Assign) else []
        targets = [each.target] if isinstance(each, ast.AnnAssign) else targets
        for target in targets:
            text = ast.unparse(target)
            if text.startswith("self.") and text[5:].isidentifier() and not _is_private(text[5:]):
                found[text] = ast.Assign([target], ast.Constant(...))
    return list(found.values())
