"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "6fe54f1cdd34033315e9c7bb30f8aa738d2b97d7312e6ea932d98713707b556e"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
