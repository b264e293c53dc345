"""Faults that the embedded engine injects on request; ``catalogue`` has the methods of ``engine.faults``."""
