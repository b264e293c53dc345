"""Clients that others wrote, against the embedded engine: `nox -s interop`."""
