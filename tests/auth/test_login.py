"""Identifying a session: when it happens, what it reveals of the server, and proofs by key."""

import asyncio
import base64
import functools
import logging
import math
import os
import traceback
from collections.abc import AsyncGenerator, Callable
from typing import TypeAlias

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pie_client import (
    AuthenticationError,
    DeadlineError,
    ParsedPrivateKey,
    PieClient,
    models,
)
from tests.connection.helpers import (
    check_text,
)
from tests.support.peers import Peer, Refusal, in_time, websocket_peer


async def test_concurrent_first_calls_identify_once() -> None:
    """D5."""
    async with websocket_peer() as peer, PieClient(peer.uri, username="alice") as client:
        peer.answers[models.AuthIdentifyRequest] = None
        calls = [asyncio.create_task(client.ping()) for _ in range(50)]
        identify = await peer.request(models.AuthIdentifyRequest)
        assert len(peer.requests) == 1
        await peer.reply(identify.corr_id, "Authenticated (Engine disabled authentication)")
        await in_time(asyncio.gather(*calls))
        assert [r.username for r in peer.requests_of(models.AuthIdentifyRequest)] == ["alice"]
        assert len(peer.requests_of(models.PingRequest)) == 50
        assert len(peer.requests) == 51


async def test_authenticate_replaces_the_implicit_identification() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.authenticate("alice")
        await client.ping()
        await client.authenticate("alice")
        assert [r.username for r in peer.requests_of(models.AuthIdentifyRequest)] == ["alice"]
        assert client.server is not None
        assert client.server.username == "alice"


@pytest.mark.parametrize(
    ("answer", "family", "username"),
    [
        ("Authenticated (Engine disabled authentication)", "0.4", "alice"),
        ("Already authenticated", "0.5", "internal"),
        ("Welcome", "0.5", "internal"),
        ("", "0.5", "internal"),
        ("x" * 64 + "=", "0.5", "internal"),
    ],
)
async def test_the_reply_to_the_identification_determines_the_family(
    answer: str, family: str, username: str
) -> None:
    """D15."""
    async with websocket_peer() as peer, PieClient(peer.uri, username="alice") as client:
        peer.answers[models.AuthIdentifyRequest] = answer
        await client.ping()
        assert client.server is not None
        assert client.server.family == family
        assert client.server.username == username


@pytest.mark.parametrize("family", ["0.4", "0.5"])
@pytest.mark.parametrize("explicit", [False, True])
async def test_a_late_reply_to_an_abandoned_identification_determines_the_family(
    family: str, explicit: bool
) -> None:
    """D3: the reply to a second identification is the same on both families."""
    async with websocket_peer() as peer, PieClient(peer.uri, username="alice") as client:
        peer.answers[models.AuthIdentifyRequest] = None
        with pytest.raises(DeadlineError):
            await (client.authenticate("alice", timeout=0.05) if explicit else client.ping(timeout=0.05))
        first = await peer.request(models.AuthIdentifyRequest)
        calling = asyncio.create_task(client.authenticate("alice") if explicit else client.ping())
        # The server is slow: it replies to the first request only now.
        peer.answers[models.AuthIdentifyRequest] = "Already authenticated"
        open_words = (
            "Authenticated (Engine disabled authentication)" if family == "0.4" else "Already authenticated"
        )
        await peer.reply(first.corr_id, open_words)
        await in_time(calling)
        await client.ping()
        assert client.server is not None
        assert client.server.family == family
        assert client.server.username == ("alice" if family == "0.4" else "internal")


async def test_cancelling_a_call_does_not_cancel_the_identification_of_others() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        first = asyncio.create_task(client.ping())
        others = [asyncio.create_task(client.ping()) for _ in range(5)]
        await peer.request(models.AuthIdentifyRequest)
        peer.answers[models.AuthIdentifyRequest] = "Already authenticated"
        first.cancel()
        await peer.reply(
            peer.requests_of(models.AuthIdentifyRequest)[0].corr_id,
            "Authenticated (Engine disabled authentication)",
        )
        await in_time(asyncio.gather(*others))
        assert client.server is not None
        assert client.server.family == "0.4"


@pytest.mark.parametrize("explicit", [False, True])
async def test_a_refused_user_is_an_authentication_error(explicit: bool) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, username="mallory") as client:
        peer.answers[models.AuthIdentifyRequest] = Refusal("User 'mallory' is not authorized")
        with pytest.raises(AuthenticationError, match="mallory") as caught:
            await (client.authenticate("mallory") if explicit else client.ping())
        check_text(caught.value, "User 'mallory' is not authorized")
        assert isinstance(caught.value, PermissionError)
        assert client.server is None
        assert peer.requests_of(models.PingRequest) == []
        # The connection stays open, and another user may authenticate.
        peer.answers[models.AuthIdentifyRequest] = "Authenticated (Engine disabled authentication)"
        await client.authenticate("alice")
        await client.ping()


async def test_a_refused_identification_fails_all_concurrent_calls() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = Refusal("User 'pie-client' is not authorized")
        errors = await in_time(asyncio.gather(*(client.ping() for _ in range(50)), return_exceptions=True))
        assert [type(e) for e in errors] == [AuthenticationError] * 50
        for error in errors:
            assert isinstance(error, AuthenticationError)
            check_text(error, "'pie-client' is not authorized; call authenticate(username, private_key)")
        assert peer.requests_of(models.PingRequest) == []


SigningKey: TypeAlias = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KEYS: dict[str, Callable[[], SigningKey]] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
}


@functools.cache
def key_of(kind: str) -> SigningKey:
    return KEYS[kind]()


@pytest.fixture(params=KEYS)
def private(request: pytest.FixtureRequest) -> SigningKey:
    """A key of each type that servers accept."""
    return key_of(request.param)


def parsed(key: SigningKey) -> ParsedPrivateKey:
    return ParsedPrivateKey.parse(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def verifies(key: SigningKey, challenge: bytes, signature: bytes) -> bool:
    """Return whether a signature is valid, as servers check it."""
    try:
        match key:
            case ed25519.Ed25519PrivateKey():
                key.public_key().verify(signature, challenge)
            case rsa.RSAPrivateKey():
                key.public_key().verify(signature, challenge, padding.PKCS1v15(), SHA256())
            case ec.EllipticCurvePrivateKey():
                digest = SHA384() if isinstance(key.curve, ec.SECP384R1) else SHA256()
                key.public_key().verify(signature, challenge, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


@pytest.fixture
async def challenging() -> AsyncGenerator[tuple[Peer, bytes]]:
    """A server that sends a challenge, and the challenge. The test has to reply to proofs."""
    challenge = os.urandom(48)
    async with websocket_peer() as peer:
        peer.answers[models.AuthIdentifyRequest] = base64.b64encode(challenge).decode()
        yield peer, challenge


async def test_the_server_can_verify_the_signature_of_its_challenge(
    challenging: tuple[Peer, bytes], private: SigningKey
) -> None:
    peer, challenge = challenging
    async with PieClient(peer.uri) as client:
        proving = asyncio.create_task(client.authenticate("alice", parsed(private)))
        proof = await peer.request(models.AuthProveRequest)
        signature = base64.b64decode(proof.signature, validate=True)
        assert verifies(private, challenge, signature)
        assert not verifies(private, os.urandom(48), signature)
        assert not proving.done()
        await peer.reply(proof.corr_id, "Authenticated")
        await in_time(proving)
        await client.ping()
        assert [r.username for r in peer.requests_of(models.AuthIdentifyRequest)] == ["alice"]
        assert client.server is not None
        assert client.server.family == "0.4"
        assert client.server.username == "alice"


async def test_a_refused_signature_is_an_authentication_error(
    challenging: tuple[Peer, bytes], private: SigningKey
) -> None:
    peer, _challenge = challenging
    peer.answers[models.AuthProveRequest] = Refusal("Signature verification failed")
    async with PieClient(peer.uri) as client:
        with pytest.raises(AuthenticationError, match="Signature verification failed") as caught:
            await in_time(client.authenticate("alice", parsed(private)))
        check_text(caught.value, "authorized_users.toml")
        proof = peer.requests_of(models.AuthProveRequest)[0].signature
        assert proof not in "".join(traceback.format_exception(caught.value))
        assert client.server is None
        # A second attempt needs a new challenge: each is valid once.
        peer.answers[models.AuthProveRequest] = "Authenticated"
        await in_time(client.authenticate("alice", parsed(private)))
        assert len(peer.requests_of(models.AuthIdentifyRequest)) == 2


@pytest.mark.parametrize("explicit", [False, True])
async def test_a_challenge_without_a_key_is_an_authentication_error(
    challenging: tuple[Peer, bytes], explicit: bool
) -> None:
    """D5, D15."""
    peer, _challenge = challenging
    async with PieClient(peer.uri, username="alice") as client:
        with pytest.raises(AuthenticationError, match="asks for a key") as caught:
            await in_time(client.authenticate("alice") if explicit else client.ping())
        check_text(caught.value, "alice", "authenticate(username, private_key)")
        assert client.server is None
        assert peer.requests_of(models.PingRequest) == []
        peer.answers[models.AuthProveRequest] = "Authenticated"
        await in_time(client.authenticate("alice", parsed(key_of("Ed25519"))))
        await client.ping()


class Recorder:
    """A signer that records what it is asked to sign."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def sign_challenge(self, challenge: bytes) -> bytes:
        self.asked.append(challenge)
        return b"signature"


SSH_LOGIN = b"\0\0\0\x20" + bytes(32) + b"\x32\0\0\0\x05alice\0\0\0\x0essh-connection\0\0\0\x09publickey\x01"
"""Beginning of what a client of SSH signs to log in (RFC 4252, section 7)."""


@pytest.mark.parametrize(
    "text",
    [
        *(base64.b64encode(bytes(range(size))).decode() for size in (0, 32, 45, 47, 49, 51)),
        base64.b64encode(SSH_LOGIN).decode(),
        base64.b64encode(bytes(48)).decode() + "\n",
        base64.urlsafe_b64encode(b"\xff" * 48).decode(),
    ],
)
async def test_nothing_but_a_challenge_is_signed(text: str) -> None:
    """A server could log in elsewhere with the signature of another text."""
    key = Recorder()
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = text
        await in_time(client.authenticate("alice", key))
        await client.ping()
        assert peer.requests_of(models.AuthProveRequest) == []
    assert key.asked == []


async def test_calls_that_time_out_share_one_identification() -> None:
    """D4."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        for _ in range(5):
            with pytest.raises(DeadlineError):
                await client.ping(timeout=0.01)
        assert len(peer.requests_of(models.AuthIdentifyRequest)) == 1


async def test_a_late_reply_to_a_proof_determines_the_family() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = base64.b64encode(bytes(48)).decode()
        peer.answers[models.AuthProveRequest] = None
        key = ParsedPrivateKey(ed25519.Ed25519PrivateKey.generate())
        with pytest.raises(DeadlineError):
            await client.authenticate("alice", key, timeout=1)
        prove = await peer.request(models.AuthProveRequest)
        peer.answers[models.AuthIdentifyRequest] = "Already authenticated"
        await peer.reply(prove.corr_id, "Authenticated")
        await client.authenticate("alice", key)
        assert client.server is not None
        assert (client.server.family, client.server.username) == ("0.4", "alice")


async def test_a_late_reply_to_a_token_determines_the_family() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthByTokenRequest] = None
        peer.answers[models.AuthProveRequest] = None
        with pytest.raises(DeadlineError):
            await client.auth_by_token("token", timeout=1)
        asked = await peer.request(models.AuthByTokenRequest)
        peer.answers[models.AuthIdentifyRequest] = "Already authenticated"
        await peer.reply(asked.corr_id, "Authenticated")
        await client.ping()
        assert client.server is not None
        assert (client.server.family, client.server.username) == ("0.4", "internal")


async def test_a_refused_token_is_logged_as_a_refusal_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "pie_client")
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthByTokenRequest] = Refusal("Invalid token")
        peer.answers[models.AuthProveRequest] = Refusal("No pending authentication")
        with pytest.raises(AuthenticationError, match="Invalid token"):
            await in_time(client.auth_by_token("token"))
        await client.ping()
    assert "auth_by_token 0: AuthenticationError after" in caplog.text
    assert "CancelledError" not in caplog.text
    assert "not pending" not in caplog.text


async def test_authenticate_times_out_while_another_call_identifies() -> None:
    """D4."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        pinging = asyncio.create_task(client.ping())
        await peer.request(models.AuthIdentifyRequest)
        with pytest.raises(DeadlineError):
            await in_time(client.authenticate("alice", timeout=0.1))
        with pytest.raises(DeadlineError):
            await in_time(client.auth_by_token("token", timeout=0.1))
        pinging.cancel()
