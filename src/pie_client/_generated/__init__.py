"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from typing import Final

SCHEMA_DIGEST: Final = "a5efd92709460ef3e38eaae5f4b9bf21ee5459bf377d41ea0ad1bed5aa671940"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
