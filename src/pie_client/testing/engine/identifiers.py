"""Process and workflow ids in the forms that servers accept."""

import re
import uuid

_HYPHENATED = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(rf"[0-9a-fA-F]{{32}}|{_HYPHENATED}|\{{{_HYPHENATED}\}}|urn:uuid:{_HYPHENATED}")


def canonical_uuid(text: str) -> str | None:
    """Return a UUID in lowercase with hyphens, or None if servers do not accept the text.

    They accept it with or without hyphens, and with hyphens also in braces or as a URN.
    """
    return str(uuid.UUID(text)) if _UUID.fullmatch(text) else None
