"""The synchronous classes.

Written by `python -m codegen generate` from the asynchronous classes; never edited.
"""
