"""Version of the package, read by the build too."""

__version__ = "0.6.0.dev0"
