"""Authentication of one connection: by public key, by token, or disabled."""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

from pie_client._generated import models
from pie_client._generated.families import TOKEN_USER
from pie_client.auth.keys import RSA, check_kind, hash_of
from pie_client.errors import InvalidKeyError
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
    if not isinstance(found, Ed25519PublicKey | RSAPublicKey | EllipticCurvePublicKey):
        raise InvalidKeyError("it is of an unsupported kind; servers accept Ed25519, RSA, P-256 and P-384")
    check_kind(found)
    if isinstance(found, RSAPublicKey) and found.key_size > LARGEST_RSA_KEY_BITS:
        raise ValueError(
            f"the RSA key has {found.key_size} bits; use one with at most {LARGEST_RSA_KEY_BITS}"
        )
    return found


@dataclass
class Authentication:
    """The user of one connection. For each request there is a method of its name, which returns the result.

    Attributes:
        username: The authenticated user, or None.
        users: Public keys by user name, or None if authentication is disabled.
        token: What authenticates the user of tokens.
    """

    username: str | None
    users: Mapping[str, Sequence[str]] | None
    token: str
    _challenge: tuple[str, bytes] | None = field(init=False, default=None)

    def auth_identify(self, request: models.AuthIdentifyRequest) -> str:
        """Return a challenge for a user, or authenticate the user if authentication is disabled."""
        if self.username is not None:
            return texts.OK_ALREADY_AUTHENTICATED
        if self.users is None:
            self.username = request.username
            return texts.OK_AUTHENTICATION_DISABLED
        if request.username not in self.users:
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
        if not any(_verifies(key, signature, data) for key in (self.users or {}).get(username, ())):
            raise Refusal(texts.SIGNATURE_VERIFICATION_FAILED)
        self.username = username
        return texts.OK_AUTH_PROVE

    def auth_by_token(self, request: models.AuthByTokenRequest) -> str:
        """Check a token."""
        if self.username is not None:
            return texts.OK_ALREADY_AUTHENTICATED
        if request.token != self.token:
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
