"""The generated layer: models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from schema/; never edited. Import from its modules; what users need is exported
by ``pie_client`` and ``pie_client.models``.
"""

from typing import Final

SCHEMA_DIGEST: Final = "96b65a8698c9bdcd980c3bfb711ffe981f85668108ab15ebdac4145c3039b808"
"""SHA-256 of the schema that this package was written from."""

__all__ = ["SCHEMA_DIGEST"]
