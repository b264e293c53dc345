"""Writes the generated layer of pie-client and its protocol reference from ``schema/``."""
