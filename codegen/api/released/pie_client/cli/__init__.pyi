import signal
import sys
from collections.abc import Sequence
from pie_client.lazy import imported
EXTRA = frozenset({'typer', 'rich', 'platformdirs'})
USAGE_STATUS = 2

def main(arguments: Sequence[str] | None=None) -> int:
    ...
