"""Compare the public names of two trees of a package with griffe."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import griffe

from codegen.schema import CodegenError

FACADES = ("", "errors", "models", "otel", "sync", "testing", "typed")
"""Modules below the package whose names are public; the first is the package itself."""
NO_NAMES = {"TYPE_CHECKING"}
"""What such modules define for themselves."""
RULES = {kind: kind.name.lower().replace("_", "-") for kind in griffe.BreakageKind}
CHANGED_ASYNC = "function-changed-async"
"""A rule that griffe does not have: who awaits a result must not, or the other way round."""
TITLES = frozenset({*RULES.values(), CHANGED_ASYNC})
"""The names of all rules."""
ASYNC = {"Awaitable", "Coroutine", "AsyncIterator", "AsyncGenerator"}
"""What functions return that are called like asynchronous ones."""


@dataclass(frozen=True)
class Break:
    """What no longer works that worked before."""

    rule: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule} {self.path}: {self.text}"


def compare(base: Path, new: Path, package: str) -> Iterator[Break]:
    """Iterate over what breaks between two trees, folders that hold the package."""
    old, now = (public_objects(folder, package) for folder in (base, new))
    # An object may have several names. griffe reports it once; it is shown by its first name.
    names = {each.path: name for found in (old, now) for name, each in reversed(found.items())}
    for breakage in griffe.find_breaking_changes(_together(old), _together(now)):
        path = breakage.obj.path
        owner = next((each for each in _prefixes(path) if each in names), path)
        path = names.get(owner, owner) + path.removeprefix(owner)
        values = (breakage.old_value, breakage.new_value)
        parameter = next((each.name for each in values if isinstance(each, griffe.Parameter)), None)
        yield Break(
            RULES[breakage.kind],
            path if parameter is None else f"{path}({parameter})",
            _words(breakage),
        )
    before, after = _functions(old), _functions(now)
    for path in sorted(before.keys() & after.keys()):
        if (is_async := _is_async(after[path])) != _is_async(before[path]):
            yield Break(CHANGED_ASYNC, path, f"Function is {'' if is_async else 'not '}asynchronous now")


def public_objects(folder: Path, package: str) -> dict[str, griffe.Object]:
    """Return the public objects of a package by the name under which users import them.

    Raises:
        CodegenError: The folder does not hold the package, or a name is imported from a module that it does not have.
    """
    loader = griffe.GriffeLoader(search_paths=[folder], allow_inspection=False)
    try:
        top = loader.load(package)
    except ModuleNotFoundError as error:
        raise CodegenError([f"no package {package} in {folder}"]) from error
    if not isinstance(top, griffe.Module):
        raise CodegenError([f"{package} in {folder} is not a package"])
    # Other aliases are resolved where they are used: most lead to other packages.
    loader.expand_wildcards(top, external=False)  # pyright: ignore[reportUnknownMemberType] - as below
    found: dict[str, griffe.Object] = {}
    for facade in FACADES:
        module = top.members.get(facade) if facade else top
        if not isinstance(module, griffe.Module):
            continue
        loader.expand_exports(module)  # pyright: ignore[reportUnknownMemberType] - `seen: set | None` in griffe
        for name in _names(module):
            member = module.members[name]
            try:
                target = member.final_target if isinstance(member, griffe.Alias) else member
            except griffe.AliasResolutionError as error:
                raise CodegenError([f"{folder}: {package}: {error}"]) from error
            target.public = True
            found[f"{module.path}.{name}"] = target
    return found


def _names(module: griffe.Module) -> Iterator[str]:
    exported = module.exports
    for name, member in module.members.items():
        if exported is None:
            is_module = not member.is_alias and member.is_module
            if not (is_module or name.startswith("_") or name in NO_NAMES):
                yield name
        elif name in {str(each) for each in exported}:
            yield name


def _functions(objects: dict[str, griffe.Object]) -> dict[str, griffe.Function]:
    """Return functions and methods, each by the first of its names."""
    found: dict[str, griffe.Function] = {}
    seen: set[str] = set()
    for name, each in objects.items():
        if each.path in seen:
            continue
        seen.add(each.path)
        members = each.members.items() if each.is_class else ()
        named = [(name, each), *((f"{name}.{key}", member) for key, member in members)]
        found.update((path, member) for path, member in named if isinstance(member, griffe.Function))
    return found


def _is_async(function: griffe.Function) -> bool:
    returned = str(function.returns).partition("[")[0].rpartition(".")[2]
    return "async" in function.labels or returned in ASYNC


def _together(objects: dict[str, griffe.Object]) -> griffe.Module:
    """Return a module with these members."""
    module = griffe.Module("public")
    module.members.update(objects)
    return module


def _prefixes(path: str) -> Iterator[str]:
    """Iterate over the paths of an object and of what it is in, innermost first."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _words(breakage: griffe.Breakage) -> str:
    old, new = breakage.old_value, breakage.new_value
    if breakage.kind is griffe.BreakageKind.PARAMETER_CHANGED_DEFAULT:
        return f"{breakage.kind.value}: {old.default} → {new.default}"
    return f"{breakage.kind.value}: {breakage.details}" if breakage.details else breakage.kind.value
