"""Facts of the protocol that only the embedded engine needs.

Written by `python -m codegen generate` from schema/; never edited. The client never imports this package.
"""
