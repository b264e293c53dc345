import base64
import logging
import os
import shlex
import stat
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias, runtime_checkable
from pie_client._generated.families import RSA_KEY_BITS, SIGNATURE_HASHES
from pie_client.auth.key_files import Form, KeyText, damaged, find_key
from pie_client.copies import refuse
from pie_client.errors import InvalidKeyError, one_line
from pie_client.paths import as_path, read_regular
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import HashAlgorithm
SigningKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey | EllipticCurvePrivateKey
PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey | EllipticCurvePublicKey
logger = logging.getLogger(__name__)
KEY_FILE_BYTES = 1 << 20
RSA = 'RSA'
OTHERS = stat.S_IRWXG | stat.S_IRWXO

@runtime_checkable
class Signer(Protocol):

    async def sign_challenge(self, challenge: bytes) -> bytes:
        ...

class ParsedPrivateKey:

    def __init__(self) -> None:
        self.kind = ...

    def __repr__(self) -> str:
        ...

    def __reduce__(self) -> NoReturn:
        ...

    @classmethod
    def parse(cls, key_content: str | bytes, passphrase: str | bytes | None=None) -> 'ParsedPrivateKey':
        ...

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], passphrase: str | bytes | None=None) -> 'ParsedPrivateKey':
        ...

    def sign(self, data: bytes) -> bytes:
        ...

    async def sign_challenge(self, challenge: bytes) -> bytes:
        ...

def check_key(key: object) -> None:
    ...

async def sign_challenge(key: Signer, challenge: str) -> str:
    ...

def hash_of(kind: str) -> 'HashAlgorithm':
    ...

def check_kind(key: 'SigningKey | PublicKey') -> str:
    ...
