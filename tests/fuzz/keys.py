"""Key files give a key that signs, or InvalidKeyError; never another exception."""

import base64
import functools
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from pie_client import InvalidKeyError, ParsedPrivateKey
from pie_client.auth.key_files import find_key
from tests.fuzz.target import Target

CHALLENGE = bytes(48)


def check(data: bytes) -> None:
    try:
        found = find_key(data)
        # Decrypting takes as long as the file says, by design.
        key = None if found.encrypted else ParsedPrivateKey.parse(data)
    except InvalidKeyError as error:
        assert str(error).isprintable()
        return
    if key is not None and not key.kind.startswith("RSA"):
        assert key.sign(CHALLENGE)


@functools.cache
def _keys() -> list[ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey]:
    return [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65537, 2048),
    ]


def seeds() -> Iterator[bytes]:
    for key in _keys():
        for encoding, form in (
            (Encoding.PEM, PrivateFormat.OpenSSH),
            (Encoding.PEM, PrivateFormat.PKCS8),
            (Encoding.DER, PrivateFormat.PKCS8),
        ):
            yield key.private_bytes(encoding, form, NoEncryption())
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            yield key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            yield key.private_bytes(
                Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")
            )
        yield key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        yield key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    plain = _keys()[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    yield plain.replace(b"\n", b"\\n")
    yield plain.decode().encode("utf-16")
    yield base64.b64encode(plain)


def words() -> Iterator[bytes]:
    for kind in (b"", b"RSA ", b"EC ", b"OPENSSH ", b"ENCRYPTED "):
        yield b"-----BEGIN %bPRIVATE KEY-----" % kind
        yield b"-----END %bPRIVATE KEY-----" % kind
    yield from (
        b"Proc-Type: 4,ENCRYPTED\n",
        b"openssh-key-v1\0",
        b"PuTTY-User-Key-File-",
        b"\x30\x82",
        b"\x02\x01\x00",
    )


TARGET = Target(check, seeds, words)
