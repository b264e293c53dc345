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
P = ParamSpec('P')
R_co = TypeVar('R_co', covariant=True)
FUTURE = 'from __future__ import annotations\n'
VERSION_BITS = 48
BUILTINS = frozenset(dir(builtins)) | {'__name__', '__file__', '__doc__'}

class Inferlet(Generic[P, R_co]):
    __name__: str

    def __init__(self) -> None:
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, object, R_co]:
        ...

    def __repr__(self) -> str:
        ...

    @property
    def name(self) -> str:
        ...

    @property
    def pinned(self) -> bool:
        ...

    @functools.cached_property
    def returns(self) -> object:
        ...

    @functools.cached_property
    def source(self) -> str:
        ...

    @property
    def version(self) -> str:
        ...

    @property
    def program(self) -> str:
        ...

    @functools.cached_property
    def manifest(self) -> Manifest:
        ...

    def manifest_toml(self) -> str:
        ...

    def input_of(self, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        ...

@overload
def inferlet(function: Callable[P, Coroutine[object, object, R_co]], /) -> Inferlet[P, R_co]:
    ...

@overload
def inferlet(*, name: str | None=None, version: str | None=None, description: str | None=None) -> Callable[[Callable[P, Coroutine[object, object, R_co]]], Inferlet[P, R_co]]:
    ...

def inferlet(function: Callable[P, Coroutine[object, object, R_co]] | None=None, /, *, name: str | None=None, version: str | None=None, description: str | None=None) -> Inferlet[P, R_co] | Callable[[Callable[P, Coroutine[object, object, R_co]]], Inferlet[P, R_co]]:
    ...

def as_function(program: object) -> Inferlet[..., object]:
    ...

class _VariableAnnotationRemover(ast.NodeTransformer):

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        ...

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        ...
