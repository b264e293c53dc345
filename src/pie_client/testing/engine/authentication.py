"""Authentication of one connection: by public key, by token, or disabled."""

import base64
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from pie_client._generated import models
from pie_client._generated.families import TOKEN_USER
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import CHALLENGE_BYTES
from pie_client.testing.engine.keys import read_public_key
from pie_client.testing.engine.state import EngineState
from pie_client.testing.faults.reactions import Refusal


class Authentication:
    """The user of one connection. For each request there is a method of its name, which returns the result.

    Attributes:
        username: The authenticated user, or None.
    """

    def __init__(self, state: EngineState) -> None:
        self.username: str | None = state.traits.user
        self._options = state.options
        self._token = state.token
        self._challenge: tuple[str, bytes] | None = None

    def auth_identify(self, request: models.AuthIdentifyRequest) -> str:
        """Return a challenge for a user, or authenticate the user if authentication is disabled."""
        if self.username is not None:
            return texts.OK_ALREADY_AUTHENTICATED
        users = self._options.auth
        if users is None:
            self.username = request.username
            return texts.OK_AUTHENTICATION_DISABLED
        if request.username not in users:
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
        if not _is_signed(data, signature, (self._options.auth or {}).get(username, ())):
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


def _is_signed(data: bytes, signature: bytes, public_keys: Sequence[str]) -> bool:
    return any(_verifies(key, signature, data) for key in public_keys)


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
    except (InvalidSignature, ValueError):  # keys added to `auth` after the start are not checked
        return False
    return True
