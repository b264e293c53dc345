"""Facts of the protocol that only a server needs. The client never imports them.

Written by `python -m codegen generate` from the schema; never edited.
"""

__all__: list[str] = []
