"""The generated layer: models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from schema/; never edited. Nothing here is imported by name from outside the
package; what users need is exported by ``pie_client``.
"""

from typing import Final

from pie_client._generated import calls, events, families, methods, models, refusals, registry, results, texts

SCHEMA_DIGEST: Final = "d0f7f3830b5e56606409bb69f5f3f9c90ffdca1e7be6255a64e957ef2fce3850"
"""SHA-256 of the schema that this package was written from."""

__all__ = [
    "SCHEMA_DIGEST",
    "calls",
    "events",
    "families",
    "methods",
    "models",
    "refusals",
    "registry",
    "results",
    "texts",
]
