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
PEM = '-----BEGIN'
PRIVATE = 'PRIVATE KEY-----'
CERTIFICATE = '-cert-v01@'
PublicKey: TypeAlias = Ed25519PublicKey | RSAPublicKey | EllipticCurvePublicKey

def read_public_key(key: str) -> PublicKey:
    ...

@dataclass
class Authentication:
    username: str | None
    users: Mapping[str, Sequence[str]] | None
    token: str

    def auth_identify(self, request: models.AuthIdentifyRequest) -> str:
        ...

    def auth_prove(self, request: models.AuthProveRequest) -> str:
        ...

    def auth_by_token(self, request: models.AuthByTokenRequest) -> str:
        ...
