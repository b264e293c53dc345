"""Replies that come after messages which should follow them."""

from collections.abc import Sequence

from pie_client.testing.faults.fault import Fault
from pie_client.testing.faults.message import Sent


class Countdown:
    """The copies of one reply, which wait for messages of some processes."""

    def __init__(self, fault: Fault, processes: frozenset[str], reply: Sent, messages: int) -> None:
        self.occasion = reply.occasion
        self.processes = processes
        self.replies = [reply]
        self._left = messages
        self._held = fault.hold_back(self.replies)

    def passes(self, *, end: bool) -> bool:
        """Count a message; tells whether the reply follows it."""
        self._left -= 1
        return end or self._left <= 0

    def after(self, sent: Sent) -> Sequence[Sent]:
        """Give a message with the reply after it."""
        if sent.line is not self.replies[0].line:
            self._held.let_go()
            return [sent]
        self._held.give_up()
        return [sent, *self.replies]


class Countdowns:
    """The replies that one fault keeps waiting."""

    def __init__(self) -> None:
        self._waiting: list[Countdown] = []

    def wait(self, fault: Fault, processes: frozenset[str], reply: Sent, messages: int) -> Sequence[Sent]:
        """Keep a reply until so many messages of the processes have passed, or the end of one."""
        for countdown in self._waiting:
            if countdown.occasion is reply.occasion:
                countdown.replies.append(reply)
                return []
        self._waiting.append(Countdown(fault, processes, reply, messages))
        return []

    def passing(self, sent: Sent, process_id: str, *, end: bool) -> Sequence[Sent] | None:
        """Give a message of a process with the reply that follows it; None where none does."""
        for countdown in self._waiting:
            if process_id in countdown.processes:
                if not countdown.passes(end=end):
                    return None
                self._waiting.remove(countdown)
                return countdown.after(sent)
        return None
