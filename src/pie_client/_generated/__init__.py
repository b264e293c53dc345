"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "01cf3a3825e469fba690222b6a6ae536bd82346f3bd6440c88f460a16096f1b3"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
