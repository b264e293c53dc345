"""Compare the public Python names of the package with those of its last release."""
