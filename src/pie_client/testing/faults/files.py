"""Faults of the files that processes send."""

from collections.abc import Callable, Sequence

from pie_client._generated import models
from pie_client.testing.faults.fault import Fault
from pie_client.testing.faults.group import FaultGroup, check_number
from pie_client.testing.faults.outgoing import MessageCopy

(FILE_NAME,) = (
    name
    for name, field in models.FileChunk.model_fields.items()
    if not field.is_required() and field.default is None
)
"""Field of a chunk that holds the name of the file."""


class FileFaults(FaultGroup):
    """Faults of the files that processes send."""

    def nil_name(self, *, times: int | None = 1) -> Fault:
        """Send a file with nil for a name in each of its chunks."""
        return self._file("nil_name", times, lambda sent: [sent.with_fields({FILE_NAME: None})])

    def lose_file(self, *, times: int | None = 1) -> Fault:
        """Do not send a file of a process, as servers do with empty ones."""
        return self._file("lose_file", times, lambda _sent: [])

    def corrupt_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """Change the bytes of a chunk, so that the file does not match its digest."""

        def replace(sent: MessageCopy, chunk: models.FileChunk) -> Sequence[MessageCopy]:
            return [sent.with_values(chunk_data=bytes([chunk.chunk_data[0] ^ 1]) + chunk.chunk_data[1:])]

        return self._chunk("corrupt_file_chunk", index, times, replace)

    def drop_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """Leave out a chunk of a file."""
        return self._chunk("drop_file_chunk", index, times, lambda _sent, _chunk: [])

    def duplicate_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """Send a chunk of a file twice."""
        return self._chunk("duplicate_file_chunk", index, times, lambda sent, _chunk: [sent, sent])

    def _chunk(
        self,
        name: str,
        index: int,
        times: int | None,
        change: Callable[[MessageCopy, models.FileChunk], Sequence[MessageCopy]],
    ) -> Fault:
        check_number("index", index)

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if not isinstance(message, models.FileChunk) or message.chunk_index != index:
                return None
            return change(sent, message) if fault.applies_to(sent) else None

        return self._on_message(name, times, replace)

    def _file(
        self, name: str, times: int | None, change: Callable[[MessageCopy], Sequence[MessageCopy]]
    ) -> Fault:
        """Replace all chunks of a file, and count that once."""
        open_files: set[tuple[str, str]] = set()

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if not isinstance(message, models.FileChunk):
                return None
            # Chunks have no id of their file; two files of one process with the same content follow each other.
            file = (message.process_id, message.file_hash)
            if file in open_files:
                sent.original.altered_by.add(fault.number)
            elif message.chunk_index == 0 and fault.applies_to(sent):
                open_files.add(file)
            if message.chunk_index == message.total_chunks - 1:
                open_files.discard(file)
            return change(sent) if fault.number in sent.original.altered_by else None

        return self._on_message(name, times, replace)
