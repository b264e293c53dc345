"""The faults that a test can request from an engine: ``engine.faults``.

with engine.faults.never_answer(models.PingRequest) as fault:
    with pytest.raises(DeadlineError):
        await client.ping(timeout=0.1)
assert fault.count == 1

:class:`FaultList` in ``fault.py`` keeps the requested faults. The engine asks it in ``connection.py`` what to do with each
request and message.
"""

from pie_client.testing.faults.connections import ConnectionFaults
from pie_client.testing.faults.files import FileFaults
from pie_client.testing.faults.mcp import McpFaults
from pie_client.testing.faults.messages import MessageFaults
from pie_client.testing.faults.processes import ProcessFaults
from pie_client.testing.faults.replies import ReplyFaults
from pie_client.testing.faults.uploads import UploadFaults


class Faults(
    ReplyFaults, UploadFaults, ProcessFaults, FileFaults, McpFaults, MessageFaults, ConnectionFaults
):
    """Makes an engine fail on request: ``engine.faults``.

    Every method requests one failure and returns it as a :class:`Fault`. The failure happens at the next opportunity,
    with any client. Used as a context manager, the fault stops at the end of its block. Several faults are applied in
    the order in which they were requested. Arguments that several methods take:

    * ``times``: at how many opportunities it happens; None for every one.
    * ``request``: class of the request, for instance ``models.PingRequest``.
    * ``until``: seconds, or an event, after which what is held back is sent.
    * ``program``: the program as ``name@version``; None for any.
    * ``index``: which chunk of a file, from 0.
    * ``server``, ``method``, ``params``, ``tag``, ``frame``: what is sent in place of the right value.
    """

    def stop(self) -> None:
        """Stop all faults and send the messages that they hold back. Connections that were ended stay so."""
        self._faults.stop()
