"""The generated layer: models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from schema/; never edited. Import from its modules; what users need is exported
by ``pie_client`` and ``pie_client.models``.
"""

from typing import Final

SCHEMA_DIGEST: Final = "78ff7d3adfbe27c6a27c4221bcde7fd73f25283465d94a965399d20eaebd165c"
"""SHA-256 of the schema that this package was written from."""

__all__ = ["SCHEMA_DIGEST"]
