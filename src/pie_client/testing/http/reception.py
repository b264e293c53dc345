"""The HTTP that 0.5 servers speak before a WebSocket: any number of requests on a connection, until one is let in."""

import asyncio
import base64
import hashlib
from email.utils import formatdate
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.utils import GUID

from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.http import gate, heads
from pie_client.testing.http.closing import CurtSocket

ACCEPT = "Sec-WebSocket-Accept"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
"""What the WebSocket library reads in place of a handshake that is let in, for it is stricter than servers are."""


class HttpSocket(CurtSocket):
    """A connection on which requests are read and refused until one is let in, which the WebSocket library answers."""

    traits: ServerTraits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read requests."""
        self._unread = bytearray()
        self._body = 0
        self._key: bytes | None = None
        super().connection_made(transport)

    def received(self, data: bytes) -> None:
        """Read requests, up to the one that is let in."""
        self._unread += data
        while self._unread and not self.transport.is_closing():
            skipped = min(self._body, len(self._unread))
            self._body -= skipped
            del self._unread[:skipped]
            if self._key is not None:
                self._pass_on()
                break
            if not self._read_request():
                break

    def opened(self) -> None:
        """Note that the opening handshake is over, and read what came together with it."""
        super().opened()
        self._pass_on()

    def proof(self) -> str | None:
        """Give the proof that the handshake was read, for its answer; None when there was none."""
        if self._key is None:
            return None
        digest = hashlib.sha1(self._key + GUID.encode(), usedforsecurity=False).digest()
        return base64.b64encode(digest).decode()

    def _read_request(self) -> bool:
        """Read the next request; tells whether it was there in full."""
        try:
            head = heads.take(self._unread)
        except heads.HeadError as error:
            self._answer(gate.Answer(error.status), heads.HTTP_1_1, heads.CLOSE)
            self.transport.close()
            return False
        if head is None:
            return False
        self._body = head.body
        if (refused := gate.refusal(self.traits, head)) is None:
            self._key = head.headers.get_all(gate.KEY)[0].encode("latin-1")
            super().received(HANDSHAKE)
            return True
        self._answer(refused, head.version, head.named)
        if not head.stays:
            self.transport.close()
        return True

    def _answer(self, answer: gate.Answer, version: str, connection: str | None) -> None:
        body = answer.text.encode()
        headers = {
            "Content-Type": "text/plain; charset=utf-8" if body else None,
            "Allow": answer.allow,
            "Connection": connection,
            "Content-Length": str(len(body)),
            "Date": formatdate(usegmt=True),
        }
        lines = [f"{version} {answer.status} {answer.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)

    def _pass_on(self) -> None:
        ended = self.transport.is_closing()  # the library takes nothing after the end
        if self._unread and not ended and self.protocol.state is not State.CONNECTING:
            data = bytes(self._unread)
            self._unread.clear()
            super().received(data)


def prove(connection: ServerConnection, _request: Request, response: Response) -> None:
    """Answer the key that the client sent, not the one that the library read in its place."""
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS or not isinstance(connection, HttpSocket):
        return
    if (proof := connection.proof()) is not None:
        del response.headers[ACCEPT]
        response.headers[ACCEPT] = proof
