import ast
import builtins
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

class _Statement(NamedTuple):
    text: str
    gives: list[tuple[str, object]]
    has_fallback: bool = False

def find_imports(function: Callable[..., object], body: ast.AST, names: set[str]) -> tuple[list[str], set[str]]:
    ...
