"""Load encrypted PKCS#8 (RFC 5958).

Limits the work that a file asks for, and loads what ``cryptography`` can't: keys with their public key. Kept apart because it
imports ``cryptography``.
"""

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

T = TypeVar("T")

MAX_ROUNDS = 10_000_000
"""Most rounds of PBKDF2: some seconds, ten times what password managers use."""
MAX_SCRYPT_BYTES = 1 << 30
"""Most memory of scrypt, multiplied by the number of its parts, which run one after the other: about five seconds."""
LEAST_COST = 64
"""Cost that is counted at least: below it, other parameters determine the time of scrypt."""
PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
PBKDF2 = ObjectIdentifier("1.2.840.113549.1.5.12")
SCRYPT = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")
"""The usual scheme of encryption and its key derivations (RFC 8018, RFC 7914)."""
SHA1 = hashes.SHA1()  # noqa: S303 - the default of PBKDF2, for which it is good enough
HMACS = {
    ObjectIdentifier(f"1.2.840.113549.2.{number}"): algorithm
    for number, algorithm in enumerate(
        (SHA1, hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()), 7
    )
}
"""Hashes of PBKDF2 (RFC 8018, appendix B.1)."""
AES_BYTES = {
    ObjectIdentifier("2.16.840.1.101.3.4.1.2"): 16,
    ObjectIdentifier("2.16.840.1.101.3.4.1.22"): 24,
    ObjectIdentifier("2.16.840.1.101.3.4.1.42"): 32,
}
"""Size of the key of AES in CBC mode (RFC 3565)."""
AES_BLOCK_BITS = 128


@asn1.sequence
class Algorithm:
    """An algorithm with parameters."""

    name: ObjectIdentifier
    parameters: asn1.TLV


@asn1.sequence
class Encrypted:
    """An encrypted key."""

    algorithm: Algorithm
    content: bytes


@asn1.sequence
class Scheme:
    """Parameters of PBES2."""

    derivation: Algorithm
    cipher: Algorithm


@asn1.sequence
class Hmac:
    """The hash of PBKDF2."""

    name: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class Rounds:
    """Parameters of PBKDF2."""

    salt: bytes
    rounds: int
    size: int | None
    hmac: Hmac | None

    def derive(self, passphrase: bytes, size: int) -> bytes:
        """Return a key."""
        algorithm = SHA1 if self.hmac is None else HMACS[self.hmac.name]
        return PBKDF2HMAC(algorithm, size, self.salt, self.rounds).derive(passphrase)


@asn1.sequence
class Memory:
    """Parameters of scrypt."""

    salt: bytes
    cost: int
    block: int
    parallel: int
    size: int | None

    def derive(self, passphrase: bytes, size: int) -> bytes:
        """Return a key."""
        return Scrypt(self.salt, size, self.cost, self.block, self.parallel).derive(passphrase)


@asn1.sequence
class OldScheme:
    """Parameters of PBES1 and of the schemes of PKCS#12."""

    salt: bytes
    rounds: int


def load(data: bytes, passphrase: bytes) -> object:
    """Return the key. Raises InvalidKeyError if it takes too much work; otherwise as load_der_private_key."""
    encrypted = asn1.decode_der(Encrypted, data)
    if encrypted.algorithm.name != PBES2:
        _check_rounds(_parameters(encrypted.algorithm, OldScheme).rounds)
        return load_der_private_key(data, passphrase)
    scheme = _parameters(encrypted.algorithm, Scheme)
    derivation = _derivation(scheme.derivation)
    size = AES_BYTES.get(scheme.cipher.name)
    if size is None:
        return load_der_private_key(data, passphrase)
    start = _parameters(scheme.cipher, bytes)
    decryptor = Cipher(algorithms.AES(derivation.derive(passphrase, size)), modes.CBC(start)).decryptor()
    unpadder = PKCS7(AES_BLOCK_BITS).unpadder()
    padded = decryptor.update(encrypted.content) + decryptor.finalize()
    return load_der_private_key(without_public_key(unpadder.update(padded) + unpadder.finalize()), None)


def _derivation(algorithm: Algorithm) -> Rounds | Memory:
    """Return a key derivation that is not too much work. Raises InvalidKeyError."""
    if algorithm.name == PBKDF2:
        rounds = _parameters(algorithm, Rounds)
        _check_rounds(rounds.rounds)
        if rounds.hmac is not None and rounds.hmac.name not in HMACS:
            raise cant_decrypt(f"the hash {rounds.hmac.name.dotted_string} of PBKDF2 is not supported")
        return rounds
    if algorithm.name == SCRYPT:
        memory = _parameters(algorithm, Memory)
        if min(memory.cost, memory.block, memory.parallel) < 1:
            raise damaged()
        if 128 * max(memory.cost, LEAST_COST) * memory.block * memory.parallel > MAX_SCRYPT_BYTES:
            raise cant_decrypt(f"scrypt takes more than {MAX_SCRYPT_BYTES >> 30} GiB")
        return memory
    raise cant_decrypt(f"the key derivation {algorithm.name.dotted_string} is not supported")


def _check_rounds(rounds: int) -> None:
    if rounds < 1:
        raise damaged()
    if rounds > MAX_ROUNDS:
        raise cant_decrypt(f"it takes more than {MAX_ROUNDS} rounds")


def _parameters(algorithm: Algorithm, kind: type[T]) -> T:
    return cast("T", algorithm.parameters.parse(kind))  # pyright: ignore[reportUnknownMemberType] - the stub names no type
