"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "e275d5adc67a10700cfc4764cb1ab6ee06b913088264224ed70ab671b5f19a77"
"""SHA-256 of the content of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
