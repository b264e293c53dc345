"""The generated layer: models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from schema/; never edited. Import from its modules; what users need is exported
by ``pie_client`` and ``pie_client.models``.
"""

from typing import Final

SCHEMA_DIGEST: Final = "100c2cffcc240571f170867302b39180d6f44e00ecf72ecc6fa46a694db4c306"
"""SHA-256 of the schema that this package was written from."""

__all__ = ["SCHEMA_DIGEST"]
