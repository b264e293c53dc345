"""Published clients of other authors on the embedded engine: `nox -s interop`."""
