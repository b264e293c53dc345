"""Authentication of one connection: by public key, by token, or disabled."""

import base64
import os
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

from pie_client._generated import models
from pie_client._generated.families import RSA_KEY_BITS, SIGNATURE_HASHES, TOKEN_USER
from pie_client.auth.keys import RSA, hash_of
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import CHALLENGE_BYTES, LARGEST_RSA_KEY_BITS
from pie_client.testing.faults.reactions import Refusal

PEM = "-----BEGIN"
PRIVATE = "PRIVATE KEY-----"
CERTIFICATE = "-cert-v01@"
"""Part of the key type of an OpenSSH certificate."""

PublicKey: TypeAlias = Ed25519PublicKey | RSAPublicKey | EllipticCurvePublicKey
"""A key of a kind that servers accept."""


def read_public_key(key: str) -> PublicKey:
    """Read an OpenSSH line or a PEM.

    Raises:
        ValueError: Servers do not accept it.
    """
    if PRIVATE in key:
        raise ValueError("it is a private key; pass the public key from the file that ends in .pub")
    load = load_pem_public_key if key.lstrip().startswith(PEM) else load_ssh_public_key
    try:
        found = load(key.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is not a public key; write it like the line in id_ed25519.pub") from None
    if CERTIFICATE in key.partition(" ")[0]:
        raise ValueError("it is a certificate, which servers do not accept; pass the public key itself")
    match found:
        case Ed25519PublicKey():
            return found
        case RSAPublicKey():
            if RSA_KEY_BITS <= found.key_size <= LARGEST_RSA_KEY_BITS:
                return found
            accepted = f"{RSA_KEY_BITS} to {LARGEST_RSA_KEY_BITS} bits"
            raise ValueError(f"it is an RSA key of {found.key_size} bits; servers accept {accepted}")
        case EllipticCurvePublicKey():
            if found.curve.name in SIGNATURE_HASHES:
                return found
            raise ValueError(f"it is an ECDSA key on {found.curve.name}; servers accept P-256 and P-384")
        case _:
            raise ValueError("it is of an unsupported kind; servers accept Ed25519, RSA, P-256 and P-384")


class Authentication:
    """The user of one connection. For each request there is a method of its name, which returns the result.

    Args:
        username: The user if no authentication is needed, or None.
        users: Public keys by user name, or None if authentication is disabled.
        token: What authenticates the user of tokens.

    Attributes:
        username: The authenticated user, or None.
    """

    def __init__(self, username: str | None, users: Mapping[str, Sequence[str]] | None, token: str) -> None:
        self.username = username
        self._users = users
        self._token = token
        self._challenge: tuple[str, bytes] | None = None

    def auth_identify(self, request: models.AuthIdentifyRequest) -> str:
        """Return a challenge for a user, or authenticate the user if authentication is disabled."""
        if self.username is not None:
            return texts.OK_ALREADY_AUTHENTICATED
        if self._users is None:
            self.username = request.username
            return texts.OK_AUTHENTICATION_DISABLED
        if request.username not in self._users:
            raise Refusal(texts.user_not_authorized(username=request.username))
        self._challenge = request.username, os.urandom(CHALLENGE_BYTES)
        return base64.b64encode(self._challenge[1]).decode("ascii")

    def auth_prove(self, request: models.AuthProveRequest) -> str:
        """Check the signature of the challenge."""
        if self.username is not None:
            raise Refusal(texts.ALREADY_AUTHENTICATED)
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            raise Refusal(texts.NO_PENDING_AUTHENTICATION)
        username, data = challenge
        try:
            signature = base64.b64decode(request.signature, validate=True)
        except ValueError as error:
            raise Refusal(texts.invalid_signature_encoding(detail=error)) from error
        if not any(_verifies(key, signature, data) for key in (self._users or {}).get(username, ())):
            raise Refusal(texts.SIGNATURE_VERIFICATION_FAILED)
        self.username = username
        return texts.OK_AUTH_PROVE

    def auth_by_token(self, request: models.AuthByTokenRequest) -> str:
        """Check a token."""
        if self.username is not None:
            return texts.OK_ALREADY_AUTHENTICATED
        if request.token != self._token:
            raise Refusal(texts.INVALID_TOKEN)
        self.username = TOKEN_USER
        return texts.OK_AUTH_BY_TOKEN


def _verifies(public_key: str, signature: bytes, data: bytes) -> bool:
    try:
        key = read_public_key(public_key)
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, data, PKCS1v15(), hash_of(RSA))
        else:
            key.verify(signature, data, ECDSA(hash_of(key.curve.name)))
    except (InvalidSignature, ValueError):  # keys added to `auth` after the start are not checked
        return False
    return True
