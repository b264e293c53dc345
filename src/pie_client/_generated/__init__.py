"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

SCHEMA_DIGEST = "1140be3e3c9fcab988f3a9cef93bcc0f2e25dc86e1263170ad788c85bcf018f0"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
