"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from typing import Final

SCHEMA_DIGEST: Final = "14bdcf319d534633c798add030e684664164e1564b983882f6686a869a5db773"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
