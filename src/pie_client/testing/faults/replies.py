"""Faults of requests and their replies."""

from collections.abc import Sequence

from pie_client._generated import models
from pie_client._generated.families import MAX_CORRELATION
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing.faults.fault import Fault, Reaction, Refused, Unanswered, Until, check_until
from pie_client.testing.faults.group import FaultGroup, check_answered
from pie_client.testing.faults.outgoing import MessageCopy, Receiver


class ReplyFaults(FaultGroup):
    """Faults of requests and their replies."""

    def never_answer(self, request: type[WireModel], *, times: int | None = 1) -> Fault:
        """Ignore a request: neither carry it out nor answer it.

        Servers do so before a client has identified itself, with frames that they can't read, and with requests that
        they do not know.

        Args:
            request: Class of the request. An upload is ignored with all of its chunks.
            times: How often; None for every time.
        """
        check_answered(request)
        ignored: set[tuple[Receiver, int]] = set()

        def react(fault: Fault, receiver: Receiver, message: WireModel) -> Reaction | None:
            if not isinstance(message, request):
                return None
            if not isinstance(message, models.AddProgramRequest):
                return Unanswered() if fault.take() else None
            upload = (receiver, message.corr_id)
            if upload in ignored and message.chunk_index > 0:
                return Unanswered()
            ignored.discard(upload)
            if not fault.take():
                return None
            ignored.add(upload)
            return Unanswered()

        return self._on_request("never_answer", times, react)

    def lose_reply(self, request: type[WireModel], *, times: int | None = 1) -> Fault:
        """Carry out a request, but do not send its reply."""
        return self._on_reply("lose_reply", request, times, lambda _fault, _sent: [])

    def delay(self, request: type[WireModel], until: Until, *, times: int | None = 1) -> Fault:
        """Send a reply late, possibly after the client's timeout. Everything else is sent meanwhile."""
        check_until(until)

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy]:
            fault.hold_back([sent], until)
            return []

        return self._on_reply("delay", request, times, replace)

    def duplicate_reply(self, request: type[WireModel], *, times: int | None = 1) -> Fault:
        """Send a reply twice, as servers do for the chunks of an upload that failed."""
        return self._on_reply("duplicate_reply", request, times, lambda _fault, sent: [sent, sent])

    def reply_to_unknown_number(
        self, number: int = MAX_CORRELATION, *, ok: bool = True, result: str = "", times: int | None = 1
    ) -> Fault:
        """Send a reply with a correlation number that no request has, before the next message.

        Args:
            number: The number.
            ok: Whether the reply reports success.
            result: Its text.
            times: How often; None for every time.
        """
        reply = models.Response(corr_id=number, ok=ok, result=result)
        return self._insert("reply_to_unknown_number", reply, times)

    def empty_launch_id(self, *, times: int | None = 1) -> Fault:
        """Confirm a launch without the id of the process, although the client asked for its output."""
        return self._on_reply(
            "empty_launch_id",
            models.LaunchProcessRequest,
            times,
            lambda _fault, sent: [sent.with_values(result="")],
            only_ok=True,
        )

    def attached_elsewhere(self, *, times: int | None = 1) -> Fault:
        """Refuse an attach as if another connection held the process; 0.4 servers answer that it is not found."""
        text = texts.PROCESS_NOT_FOUND if self._faults.traits.hides_attached else texts.CANNOT_ATTACH

        def react(fault: Fault, _receiver: Receiver, message: WireModel) -> Reaction | None:
            if isinstance(message, models.AttachProcessRequest) and fault.take():
                return Refused(text)
            return None

        return self._on_request("attached_elsewhere", times, react)
