"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from typing import Final

SCHEMA_DIGEST: Final = "307ba13a9112ec1486ffef17f4bd6f3a0e24ff18d17e6e5d55a459ba16418bbb"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
