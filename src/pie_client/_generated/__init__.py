"""The generated layer: models, decoders, calls, events, errors and texts of the protocol.

Written by `python -m codegen generate` from schema/; never edited. Nothing here is imported by name from outside the
package; what users need is exported by ``pie_client``.
"""

from typing import Final

from pie_client._generated import calls, events, families, methods, models, refusals, registry, results, texts

SCHEMA_DIGEST: Final = "a71435ac2bdfd176e44acc647e4453749608358a7624ce470e808b2f3ebc7a78"
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
