"""Models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from typing import Final

SCHEMA_DIGEST: Final = "34b5f1d78301bd428e459fc4a93055e07a3c6a3e59b6ff0034cfdd70b325d536"
"""SHA-256 of the schema that this package was generated from."""

__all__ = ["SCHEMA_DIGEST"]
