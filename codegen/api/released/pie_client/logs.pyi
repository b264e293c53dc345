import logging
import math
import time
FIRST = 5
PERIOD = 60.0

class LimitedLog:

    def __init__(self, logger: logging.Logger, first: int=FIRST) -> None:
        ...

    def log(self, level: int, text: str, *args: object, exc_info: bool=False) -> None:
        ...
