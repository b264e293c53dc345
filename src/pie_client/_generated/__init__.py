"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "7c9d8a93b533a3c09bd8dcd579ff52b3c519a0346daa3ada062192109afd3228"
"""SHA-256 of the content of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
