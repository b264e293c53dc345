"""Public-key authentication as a 0.3/0.4 server does it."""

import base64
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

from pie_client._generated import texts
from pie_client._generated.families import CHALLENGE_BYTES
from pie_client.testing.encodings import encoding_problem


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
        if (problem := encoding_problem(signature)) is not None:
            return texts.invalid_signature_encoding(detail=problem)
        raw = base64.b64decode(signature)
        if any(_verifies(key, raw, self._data) for key in self._keys):
            return None
        return texts.SIGNATURE_VERIFICATION_FAILED


def _verifies(public_key: str, signature: bytes, data: bytes) -> bool:
    text = public_key.encode()
    key = load_pem_public_key(text) if text.lstrip().startswith(b"-----BEGIN") else load_ssh_public_key(text)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(
                signature, data, ec.ECDSA(SHA384() if isinstance(key.curve, ec.SECP384R1) else SHA256())
            )
        else:
            return False
    except InvalidSignature:
        return False
    return True
