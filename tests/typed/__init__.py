"""Typed launches of programs."""
