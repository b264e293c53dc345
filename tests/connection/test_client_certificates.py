"""Servers that demand a certificate of the client."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from pie_client import HandshakeError, PieClient
from tests.connection.helpers import failed_connect
from tests.support.peers import websocket_peer

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def demanding_tls(server_tls: ssl.SSLContext, certificate: Path) -> ssl.SSLContext:
    """TLS settings of a server that demands the same certificate of its clients."""
    server_tls.verify_mode = ssl.CERT_REQUIRED
    server_tls.load_verify_locations(certificate)
    return server_tls


@contextlib.contextmanager
def refusing(tls: ssl.SSLContext) -> Generator[str]:
    """Run a TLS server that refuses every client, and reads until the client closes, so that its alert arrives."""

    def serve() -> None:
        accepted, _ = listener.accept()
        with tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as connection:
            with pytest.raises(ssl.SSLError):
                connection.do_handshake()
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):  # without TLS after shutdown()
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"wss://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_error_says_that_the_server_wants_a_client_certificate(
    demanding_tls: ssl.SSLContext, certificate: Path, version: ssl.TLSVersion
) -> None:
    demanding_tls.minimum_version = demanding_tls.maximum_version = version
    with refusing(demanding_tls) as uri:
        error = await failed_connect(uri, ssl=ssl.create_default_context(cafile=str(certificate)))
    assert "client certificate" in str(error)
    assert "load_cert_chain" in str(error)
    assert isinstance(error.__cause__, ssl.SSLError)


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_error_says_that_the_server_rejects_the_client_certificate(
    server_tls: ssl.SSLContext, certificate: Path, version: ssl.TLSVersion
) -> None:
    server_tls.verify_mode = ssl.CERT_REQUIRED  # and trusts no authority
    server_tls.minimum_version = server_tls.maximum_version = version
    own = ssl.create_default_context(cafile=str(certificate))
    own.load_cert_chain(certificate)
    with refusing(server_tls) as uri:
        error = await failed_connect(uri, ssl=own)
    assert "rejected the client's certificate" in str(error)


async def test_a_reset_without_an_alert_mentions_client_certificates(
    demanding_tls: ssl.SSLContext, certificate: Path
) -> None:
    """asyncio's servers close before their alert is sent."""
    demanding_tls.maximum_version = ssl.TLSVersion.TLSv1_2
    async with websocket_peer(tls=demanding_tls) as peer:
        error = await failed_connect(peer.uri, ssl=ssl.create_default_context(cafile=str(certificate)))
    assert not isinstance(error, HandshakeError)
    assert "client certificate" in str(error)


async def test_a_context_with_a_certificate_is_accepted(
    demanding_tls: ssl.SSLContext, certificate: Path
) -> None:
    own = ssl.create_default_context(cafile=str(certificate))
    own.load_cert_chain(certificate)
    async with websocket_peer(tls=demanding_tls) as peer, PieClient(peer.uri, ssl=own) as client:
        await client.ping()
