"""Public-key authentication as a 0.3/0.4 server does it."""

import base64
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import CHALLENGE_BYTES
from pie_client.testing.engine.keys import read_public_key


class Challenge:
    """Random bytes that a user has to sign with one of their keys."""

    def __init__(self, username: str, public_keys: Sequence[str]) -> None:
        self.username = username
        self._keys = public_keys
        self._data = os.urandom(CHALLENGE_BYTES)

    @property
    def text(self) -> str:
        """The bytes as they travel."""
        return base64.b64encode(self._data).decode("ascii")

    def refusal(self, signature: str) -> str | None:
        """Say why a signature is not accepted; None when it is."""
        try:
            raw = base64.b64decode(signature, validate=True)
        except ValueError as error:
            return texts.invalid_signature_encoding(detail=error)
        if any(_verifies(key, raw, self._data) for key in self._keys):
            return None
        return texts.SIGNATURE_VERIFICATION_FAILED


def _verifies(public_key: str, signature: bytes, data: bytes) -> bool:
    try:
        key = read_public_key(public_key)
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, data, PKCS1v15(), SHA256())
        else:
            digest = SHA384() if isinstance(key.curve, SECP384R1) else SHA256()
            key.verify(signature, data, ECDSA(digest))
    except (InvalidSignature, ValueError):  # a key that was added later may be none
        return False
    return True
