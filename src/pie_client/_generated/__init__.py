"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "51308bdd0948f1cf8fe50a7d23c6e67d81557786208d0cc121347ac8d5d8c441"
"""SHA-256 of the content of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
