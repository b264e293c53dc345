"""What the client of a connection waits for, in families that say when it is done."""


class Turns:
    """The requests of a connection that are not done: processes that run, and, as on real servers, refused launches.

    Each may name a process, which ends when the request is broken off, whoever started that process.
    """

    def __init__(self) -> None:
        self._open: list[str | None] = []

    def begin(self, process_id: str | None) -> None:
        """Note a request that is not done with its reply."""
        self._open.append(process_id)

    def end(self, process_id: str) -> None:
        """Note that a process has ended, and one request with it."""
        if process_id in self._open:
            self._open.remove(process_id)

    def break_off(self) -> list[str | None]:
        """Forget all; gives the process of each."""
        broken, self._open = self._open, []
        return broken
