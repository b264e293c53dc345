import argparse
from typing import NoReturn

class Parser(argparse.ArgumentParser):

    def error(self, message: str) -> NoReturn:
        ...
