"""The generated layer: models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from schema/; never edited. Import from its modules; what users need is exported
by ``pie_client`` and ``pie_client.models``.
"""

from typing import Final

SCHEMA_DIGEST: Final = "37d11c4864833617551f3d14b69624bf27afc69c921cd8412b602deba20b71e1"
"""SHA-256 of the schema that this package was written from."""

__all__ = ["SCHEMA_DIGEST"]
