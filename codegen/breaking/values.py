"""How the values that two types accept differ."""

import json
from typing import NamedTuple, cast

from codegen.breaking.rules import Rule
from codegen.breaking.versions import Versions, words
from codegen.schema import SCALARS, Node

LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
INNER = ("items", "additionalProperties", "contentSchema")
"""Keywords whose value is a type; without it, any value is accepted."""


class Difference(NamedTuple):
    """How a new type differs from an old one."""

    wider: bool = False
    """Whether it accepts a value that the old one does not."""
    narrower: bool = False
    """Whether it does not accept a value that the old one does."""
    wider_in_python: bool = False
    """Whether the values that it accepts have further types in Python."""
    reasons: tuple[str, ...] = ()

    def __or__(self, other: "Difference") -> "Difference":
        """Return both differences together."""
        return Difference(
            wider=self.wider or other.wider,
            narrower=self.narrower or other.narrower,
            wider_in_python=self.wider_in_python or other.wider_in_python,
            reasons=tuple(dict.fromkeys(self.reasons + other.reasons)),
        )

    @property
    def rule(self) -> Rule:
        if self.wider and self.narrower:
            return Rule.TYPE_CHANGED
        return Rule.TYPE_WIDENED if self.wider else Rule.TYPE_NARROWED


SAME = Difference()


def differ(reason: str) -> Difference:
    """Return the difference of types that have nothing to do with each other."""
    return Difference(wider=True, narrower=True, wider_in_python=True, reasons=(reason,))


class Comparison:
    """Compares types of two versions. Names of the same definition are equal: definitions are compared on their own."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._open: set[str] = set()

    def difference(self, old: Node, new: Node) -> Difference:
        """Return how the new type differs."""
        key = json.dumps([old, new], sort_keys=True)
        if old == new or key in self._open:  # a type that contains itself differs only elsewhere
            return SAME
        self._open.add(key)
        try:
            olds, news = self._options(self._versions.old, old), self._options(self._versions.now, new)
            if len(olds) == len(news) == 1:
                return self._single(olds[0], news[0])
            return self._choices(olds, news)
        finally:
            self._open.discard(key)

    def _options(self, definitions: dict[str, Node], node: Node) -> list[Node]:
        """Return the types of which a value has one. Scalars are replaced by what they stand for."""
        name: str = node.get("$ref", "")
        if name.startswith(SCALARS) and name in definitions:
            return self._options(definitions, definitions[name])
        if "anyOf" in node:
            return [option for each in node["anyOf"] for option in self._options(definitions, each)]
        return [node]

    def _choices(self, olds: list[Node], news: list[Node]) -> Difference:
        found = SAME
        for new in [each for each in news if each not in olds]:
            each = [self.difference(old, new) for old in olds]
            found |= Difference(
                wider=all(one.wider for one in each),
                wider_in_python=all(one.wider_in_python for one in each),
                reasons=(f"{describe(new)} is new",),
            )
        for old in [each for each in olds if each not in news]:
            each = [self.difference(old, new) for new in news]
            found |= Difference(
                narrower=all(one.narrower for one in each), reasons=(f"{describe(old)} is gone",)
            )
        return found if found.wider or found.narrower else SAME

    def _single(self, old: Node, new: Node) -> Difference:
        if _fixed(old) is not None or _fixed(new) is not None:
            return _fixed_difference(old, new)
        kinds = [_kind(old), _kind(new)]
        if kinds == ["integer", "number"]:
            base = Difference(wider=True, wider_in_python=True, reasons=("integer → number",))
        elif kinds == ["number", "integer"]:
            base = Difference(narrower=True, reasons=("number → integer",))
        elif kinds[0] != kinds[1]:
            return differ(f"{describe(old)} → {describe(new)}")
        else:
            base = SAME
        for keyword in sorted(old.keys() | new.keys()):
            if keyword != "type" and old.get(keyword) != new.get(keyword):
                base |= self._keyword(keyword, old, new)
        return base

    def _keyword(self, keyword: str, old: Node, new: Node) -> Difference:
        before, after = old.get(keyword), new.get(keyword)
        if keyword in INNER and before and after:
            found = self.difference(before, after)
            # JSON in a text is a text in Python.
            return found._replace(wider_in_python=found.wider_in_python and keyword != "contentSchema")
        reasons = (f"{keyword} {_shown(before)} → {_shown(after)}",)
        if before is None or after is None:
            wider = after is None
        elif keyword in LOWER or keyword in UPPER:
            wider = (after < before) == (keyword in LOWER)
        else:
            return Difference(wider=True, narrower=True, reasons=reasons)
        return Difference(wider=wider, narrower=not wider, reasons=reasons)


def describe(node: Node) -> str:
    """Return a type as messages show it."""
    match node:
        case {"$ref": str(name)}:
            return name.removeprefix(SCALARS)
        case {"anyOf": options}:
            return " | ".join(map(describe, cast("list[Node]", options)))
        case {"items": items}:
            return f"array of {describe(items)}"
        case {"additionalProperties": items, "type": "object"}:
            return f"map of {describe(items)}"
        case {"type": "object"}:
            return "object"
        case _:
            fixed = _fixed(node)
            return " | ".join(map(repr, fixed)) if fixed is not None else str(_kind(node))


def _shown(value: object) -> str:
    return describe(cast("Node", value)) if isinstance(value, dict) else words(value)


def _kind(node: Node) -> str:
    is_bytes = (node.get("type"), node.get("format")) == ("string", "binary")
    return "bytes" if is_bytes else str(node.get("$ref") or node.get("type"))


def _fixed(node: Node) -> list[object] | None:
    """Return the values of a type that lists them."""
    return [node["const"]] if "const" in node else node.get("enum")


def _fixed_difference(old: Node, new: Node) -> Difference:
    before, after = _fixed(old), _fixed(new)
    reasons = (f"{describe(old)} → {describe(new)}",)
    if before is not None and after is not None:
        wider = any(value not in before for value in after)
        narrower = any(value not in after for value in before)
        return Difference(wider=wider, narrower=narrower, wider_in_python=wider, reasons=reasons)
    free = old if before is None else new
    if _kind(free) != "string" or not all(isinstance(value, str) for value in before or after or ()):
        return differ(reasons[0])
    return Difference(
        wider=after is None, narrower=before is None, wider_in_python=after is None, reasons=reasons
    )
