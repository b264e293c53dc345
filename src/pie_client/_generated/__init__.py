"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "f5f1f424328d3a1ce690d9cae6730d4a1c05ae4a7dcd6f6199351d5c67ff9d2d"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
