"""What the reference needs besides the package's sources: names that are imported lazily, and docstrings in Markdown."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):`(?P<text>[^`<]+?)(?: <(?P<path>[\w.]+)>)?`")
RAISES = re.compile(r"^Raises \([^)]+\):$", re.MULTILINE)
"""A section that tells for which calls it holds, which griffe takes for text."""
PAGE = re.compile(r"docs/(?P<name>[\w-]+)\.md")
TREE = re.compile(r"^(?=.*\n├── )(?:.+\n)+", re.MULTILINE)
DESCRIPTION = re.compile(r"Field\(description=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
GENERATED = "_generated.public"
"""Module that names what the package exports of its generated modules."""


class Docstrings(griffe.Extension):
    """Turn cross-references of docstrings into links, and drawn trees into blocks of code."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:  # noqa: ANN401 - the signature of griffe
        """Change a package after it was loaded."""
        for name, member in pkg[GENERATED].members.items():
            if member.is_alias and name not in pkg.members:
                pkg.set_member(name, griffe.Alias(name, member.target_path))
        for item in [*_objects(pkg)]:
            if isinstance(item, griffe.Attribute):
                _complete(item)
            elif isinstance(item, griffe.Class):
                _without_internals(item)
            if item.docstring is not None:
                item.docstring.value = _markdown(item.docstring.value, item, pkg)


def _complete(attribute: griffe.Attribute) -> None:
    """Document methods that are functions of the module too, and fields that are described in their annotation.

    Leave out values that a constructor computes.
    """
    if "class-attribute" not in attribute.labels and "instance-attribute" in attribute.labels:
        attribute.value = None
    if attribute.parent and str(attribute.value) == f"staticmethod({attribute.name})":
        attribute.parent.set_member(attribute.name, attribute.module[attribute.name])
    elif attribute.docstring is None and (found := DESCRIPTION.search(str(attribute.annotation))):
        attribute.docstring = griffe.Docstring(ast.literal_eval(found[1]), parent=attribute)


def _without_internals(cls: griffe.Class) -> None:
    """Leave out a constructor that is not for users, which has no description of its arguments, and private bases."""
    described = cls.docstring is not None and "Args:" in cls.docstring.value
    if "__init__" in cls.members and not described:
        cls.del_member("__init__")
    cls.bases = [base for base in cls.bases if not str(base).rpartition(".")[2].startswith("_")]


def _markdown(text: str, scope: griffe.Object, package: griffe.Module) -> str:
    """Return a docstring with links for cross-references, and with blocks of code for drawn trees."""
    text = ROLE.sub(lambda role: _link(role, scope, package), text)
    text = RAISES.sub("Raises:", text)
    text = PAGE.sub(r"[\g<0>](../\g<name>.md)", text)
    return TREE.sub(lambda tree: "\n" + re.sub("^", "    ", tree[0], flags=re.MULTILINE), text)


def _objects(parent: griffe.Object) -> Iterator[griffe.Object]:
    yield parent
    for member in parent.members.values():
        if isinstance(member, griffe.Object):
            yield from _objects(member)


def _link(role: re.Match[str], scope: griffe.Object, package: griffe.Module) -> str:
    text: str = role["text"]
    path = (role["path"] or text).lstrip("~")
    if text.startswith("~"):
        text = path.rpartition(".")[2]
    target = _find(path, scope, package)
    return f"`{text}`" if target is None else f"[`{text}`][{target}]"


def _find(path: str, scope: griffe.Object, package: griffe.Module) -> str | None:
    """Return the path under which the reference has an object, None if it is not public."""
    places: list[griffe.Object] = [scope]
    while (parent := places[-1].parent) is not None:
        places.append(parent)
    found = next(filter(None, (_member(path, place) for place in places)), None)
    found = found or _member(path.removeprefix(f"{package.name}."), package)
    return None if found is None or "._" in found else found


def _member(path: str, place: griffe.Object) -> str | None:
    try:
        found = place[path]
        if found.is_module and "__all__" not in found.filepath.read_text("utf-8"):
            return None  # it has no page
        return str(found.canonical_path)
    except (KeyError, griffe.AliasResolutionError):
        return None
