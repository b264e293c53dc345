"""The command ``pie-client``. :func:`main` needs no extra; what it loads needs ``pip install 'pie-client[cli]'``.

``app`` reads the arguments and runs a module of ``commands``. ``options`` has what several commands take, ``settings`` where the
server is, ``server`` the connection to it. ``running`` turns errors, in the words of ``wording``, and signals into lines and exit
statuses. ``inputs`` makes inputs, ``output`` writes, ``following`` shows events.
"""

import signal
import sys
from collections.abc import Sequence

from pie_client.lazy import imported

EXTRA = frozenset({"typer", "rich", "platformdirs"})
"""Packages of the extra ``cli``."""
USAGE_STATUS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: Arguments of the command. Default: those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status: int = imported("pie_client.cli.app").run(given)
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison] - None if it is closed
            sys.stderr.write(
                f"pie-client: {error.name} is not installed; run: pip install 'pie-client[cli]'\n"
            )
        return USAGE_STATUS
    except KeyboardInterrupt:  # while modules load
        return 128 + signal.SIGINT
    return status
