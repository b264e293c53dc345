"""Faults that the embedded engine injects on request."""
