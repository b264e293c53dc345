"""The version of the package. The build reads it from here."""

__version__ = "0.6.0.dev0"
