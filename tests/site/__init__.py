"""The documentation site in a browser: `nox -s docs`."""
