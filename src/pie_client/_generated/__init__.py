"""The generated layer: models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from schema/; never edited. Import from its modules; what users need is exported
by ``pie_client`` and ``pie_client.models``.
"""

from typing import Final

SCHEMA_DIGEST: Final = "e271e962ac810efa98aaf36db59d6931864175f55dd99d93e1c593207acec672"
"""SHA-256 of the schema that this package was written from."""

__all__ = ["SCHEMA_DIGEST"]
