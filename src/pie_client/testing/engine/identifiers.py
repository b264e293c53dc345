"""Identifiers in the forms in which servers take them."""

import re
import uuid

_HYPHENATED = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(rf"[0-9a-fA-F]{{32}}|{_HYPHENATED}|\{{{_HYPHENATED}\}}|urn:uuid:{_HYPHENATED}")


def canonical_uuid(text: str) -> str | None:
    """Give a UUID in lowercase with hyphens; None for what servers do not take as one.

    They take it bare with or without hyphens; in braces, or as a URN, only with them.
    """
    return str(uuid.UUID(text)) if _UUID.fullmatch(text) else None


def version_key(program: str) -> tuple[int, ...]:
    """Give what orders the versions of a program, written ``name@version``; what is no number comes first."""
    return tuple(int(part) if part.isdecimal() else -1 for part in program.rpartition("@")[2].split("."))
