"""Fill in the templates of the exports."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import jinja2

from codegen.export.describe import Alternatives, ErrorText, Protocol
from codegen.schema import raise_if

TEMPLATES = Path(__file__).parents[1] / "templates" / "export"


def fill(name: str, known: Mapping[str, object], filters: Mapping[str, Callable[..., object]]) -> str:
    """Return a template's text with what is known, and these filters beside the common ones."""
    environment = jinja2.Environment(  # noqa: S701 - the output is source code, not HTML
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    common = cast("dict[str, object]", environment.filters)
    common |= {each.__name__: each for each in (literal, pascal, pieces, snake, truth)} | dict(filters)
    return environment.get_template(name).render(known)


def check_names(protocol: Protocol, language: str, defined: list[str], used: set[str]) -> None:
    """Refuse titles that the code defines twice, or that hide what it uses.

    Raises:
        CodegenError: There are such titles.
    """
    taken = [name for name in protocol.definitions if name in used or defined.count(name) > 1]
    raise_if([f"schema: title {name!r} has a meaning in {language}; choose another" for name in taken])


def parts(name: str) -> list[str]:
    """Return the words of a name in any style."""
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|[0-9]+", name)


def pascal(name: str) -> str:
    """Return a name as ``PascalCase``; an abbreviation such as URI has one capital."""
    return "".join(part.capitalize() for part in parts(name))


def snake(name: str) -> str:
    """Return a name as ``snake_case``."""
    return "_".join(parts(name)).lower()


def literal(value: object) -> str:
    """Return a value as JSON, which is a literal in languages of the C family."""
    return json.dumps(value, ensure_ascii=False)


def pieces(text: ErrorText) -> list[str]:
    """Return what does not vary of a failure text, piece by piece."""
    return re.split(r"\{\w+\}", text.text)


def truth(value: object) -> str:
    """Return ``true`` or ``false``."""
    return "true" if value else "false"


def comment(text: str, prefix: str) -> str:
    """Return a text as lines with a prefix, and without trailing blanks."""
    return "\n".join(f"{prefix} {line}".rstrip() for line in text.split("\n"))


def identifies(choice: Alternatives, protocol: Protocol) -> bool:
    """Return whether a reply that is this choice tells the server's family."""
    return any(
        name in family["identified_by"]["results"]
        for family in protocol.facts["families"]
        for name in choice.members
    )
