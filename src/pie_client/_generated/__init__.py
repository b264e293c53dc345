"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "97754122a54ba0f317c8597171703982eef2a54ad7069bcd48d3255d2532ac15"
"""SHA-256 of the content of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
