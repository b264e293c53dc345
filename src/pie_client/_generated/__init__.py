"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "ca5f4d5fc0db51508d603515b30d3ff595de3f1ff27d9821ae91c4905d7dde64"
"""SHA-256 of the content of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
