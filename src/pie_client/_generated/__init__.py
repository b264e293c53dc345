"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "a1a711b19c2741c8407020fb12e79a789e2c439a4c22b2939c03e31eb757ca6c"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
