"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from typing import Final

SCHEMA_DIGEST: Final = "17f354d9be4b90ba617094a03adc075f3ee02a100c033142a5d151b591686d43"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
