from typing import TypeVar, cast
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509 import ObjectIdentifier
from pie_client.auth.key_files import cant_decrypt, damaged, without_public_key
T = TypeVar('T')
MAX_ROUNDS = 10000000
MAX_SCRYPT_BYTES = 1 << 30
LEAST_COST = 64
PBES2 = ObjectIdentifier('1.2.840.113549.1.5.13')
PBKDF2 = ObjectIdentifier('1.2.840.113549.1.5.12')
SCRYPT = ObjectIdentifier('1.3.6.1.4.1.11591.4.11')
SHA1 = hashes.SHA1()
HMACS = ...
AES_BYTES = ...
AES_BLOCK_BITS = 128

@asn1.sequence
class Algorithm:
    name: ObjectIdentifier
    parameters: asn1.TLV

@asn1.sequence
class Encrypted:
    algorithm: Algorithm
    content: bytes

@asn1.sequence
class Scheme:
    derivation: Algorithm
    cipher: Algorithm

@asn1.sequence
class Hmac:
    name: ObjectIdentifier
    parameters: asn1.Null | None

@asn1.sequence
class Rounds:
    salt: bytes
    rounds: int
    size: int | None
    hmac: Hmac | None

    def derive(self, passphrase: bytes, size: int) -> bytes:
        ...

@asn1.sequence
class Memory:
    salt: bytes
    cost: int
    block: int
    parallel: int
    size: int | None

    def derive(self, passphrase: bytes, size: int) -> bytes:
        ...

@asn1.sequence
class OldScheme:
    salt: bytes
    rounds: int

def load(data: bytes, passphrase: bytes) -> object:
    ...
