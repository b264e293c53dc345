"""Reads the frames of clients. It accepts what clients of this protocol write, and no other encodings of it."""

from pie_client._generated.families import Family
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import ClientMessage
from pie_client.protocol import codec
from pie_client.testing._generated.servers import SERVERS


class UnreadableFrameError(ValueError):
    """A frame that is not a request. Its text is what a server of the 0.5 family sends about it."""


class FrameReader:
    """Decodes requests of one server family.

    Real servers also accept rarer encodings and name each mistake in their own words. The tests replace this class by
    one that does the same, see ``tests/conformance``.
    """

    def __init__(self, family: Family) -> None:
        self._family: Family = family

    def read(self, frame: bytes | str) -> ClientMessage:
        """Decode a frame.

        Raises:
            UnreadableFrameError: The frame is malformed, or servers of the family do not know the request.
        """
        try:
            message = codec.decode_client_message(frame)
        except codec.MalformedFrameError as error:
            raise UnreadableFrameError(str(error)) from error
        if isinstance(message, codec.UnknownMessage) or self._family not in METHODS[message.type].families:
            raise UnreadableFrameError(
                f"{message.type} is not a request of {SERVERS[self._family].title} servers"
            )
        return message
