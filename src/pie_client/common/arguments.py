"""Read the arguments of a command that needs no extra."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Write what is wrong and exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; see: {self.prog} --help\n")
