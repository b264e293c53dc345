"""Private keys that sign a server's challenge.

Loads what ``key_files`` finds in a key file and returns a key that signs. ``agent`` handles keys in an ssh-agent, ``login`` the exchange
with the server.
"""

import base64
import logging
import os
import shlex
import stat
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias, runtime_checkable

from pie_client._generated.families import RSA_KEY_BITS, SIGNATURE_HASHES
from pie_client.auth.key_files import Form, KeyText, damaged, find_key
from pie_client.common.copies import refuse
from pie_client.common.paths import as_path, read_regular
from pie_client.errors import InvalidKeyError, one_line

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    SigningKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey | EllipticCurvePrivateKey
    PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey | EllipticCurvePublicKey

logger = logging.getLogger(__name__)

KEY_FILE_BYTES = 1 << 20
"""Largest key file read: a hundred times the largest key."""
RSA = "RSA"
"""Kind of RSA keys."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Permissions of anyone but the owner."""


@runtime_checkable
class Signer(Protocol):
    """A key for :meth:`PieClient.authenticate`.

    Use :class:`ParsedPrivateKey` or :class:`AgentKey`, or implement this protocol for a key in a hardware module or a key
    service.
    """

    async def sign_challenge(self, challenge: bytes) -> bytes:
        """Sign a server's challenge. Cancelled when the timeout of ``authenticate`` has passed.

        Args:
            challenge: The bytes to sign.

        Returns:
            The signature. RSA: PKCS#1 v1.5 with SHA-256. Ed25519: the raw 64 bytes. ECDSA: ASN.1 DER,
            with SHA-256 on P-256 and SHA-384 on P-384.
        """
        ...


class ParsedPrivateKey:
    """A private key for :meth:`PieClient.authenticate`.

    Formats: OpenSSH, and PKCS#8, PKCS#1 and SEC1 in PEM or DER. Kinds: RSA of at least 2048 bits, Ed25519, and ECDSA on P-256
    and P-384. Create one with :meth:`parse` or :meth:`from_file`. Its ``repr`` shows only the kind.
    """

    def __init__(self, private_key: "SigningKey") -> None:
        self._key = private_key
        self.kind = check_kind(private_key)
        """Kind of the key, e.g. ``Ed25519`` or ``RSA-3072``."""

    def __repr__(self) -> str:
        return f"<ParsedPrivateKey {self.kind}>"

    def __reduce__(self) -> NoReturn:
        refuse("a private key", "load the key where you use it")

    @classmethod
    def parse(cls, key_content: str | bytes, passphrase: str | bytes | None = None) -> "ParsedPrivateKey":
        r"""Parse the content of a key file, or of a variable that has its line ends as ``\n``.

        Args:
            key_content: The content. If it has several private keys, the first one is used.
            passphrase: Passphrase of an encrypted key.

        Raises:
            InvalidKeyError: The text is not a private key, its kind or size is not supported, or the passphrase is missing
                or wrong.
        """
        from cryptography.exceptions import InternalError, InvalidTag, UnsupportedAlgorithm  # noqa: PLC0415 - keeps cryptography out of the import

        found = find_key(_as_bytes(key_content, "a private key"))
        secret = None if passphrase is None else _as_bytes(passphrase, "a passphrase") or None
        if found.encrypted and secret is None:
            raise InvalidKeyError("the private key is encrypted; pass passphrase=")
        if secret is not None and not found.encrypted:
            raise InvalidKeyError("the private key is not encrypted; leave passphrase out")
        try:
            key = _load(found, secret)
        except InvalidKeyError:
            raise
        except UnsupportedAlgorithm as error:
            if "bcrypt" in str(error):
                raise InvalidKeyError(
                    "decrypting an OpenSSH private key needs the bcrypt package; pip install bcrypt, or remove the passphrase with ssh-keygen -p"
                ) from error
            raise InvalidKeyError(
                f"unsupported private key: {one_line(str(error))}; use RSA, Ed25519, or ECDSA on P-256 or P-384"
            ) from error
        except (ValueError, TypeError, OverflowError, InvalidTag, InternalError) as error:
            if found.encrypted:
                raise InvalidKeyError(
                    "can't decrypt the private key: wrong passphrase or damaged key; check both"
                ) from error
            raise damaged() from error
        return cls(_check_algorithm(key))

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], passphrase: str | bytes | None = None
    ) -> "ParsedPrivateKey":
        """Read a key file. Logs a warning if other users of the machine may read or change it.

        Args:
            path: Path of the file; ``~`` is the home directory.
            passphrase: Passphrase of an encrypted key.

        Raises:
            InvalidKeyError: As for :meth:`parse`; the text names the file.
            InvalidArgumentError: It is not a regular file, or larger than 1 MiB.
            OSError: The file can't be read.
        """
        place = as_path(path)
        try:
            key = cls.parse(read_regular(place, KEY_FILE_BYTES), passphrase)
        except InvalidKeyError as error:
            raise InvalidKeyError(f"{place}: {error}") from error.__cause__
        mode = place.stat().st_mode
        if os.name == "posix" and mode & OTHERS:
            shown = one_line(shlex.quote(str(place)))
            logger.warning(
                "the private key %s is accessible by other users (mode %03o); run chmod 600 %s",
                shown,
                stat.S_IMODE(mode),
                shown,
            )
        return key

    def sign(self, data: bytes) -> bytes:
        """Sign the bytes of a server's challenge.

        RSA: PKCS#1 v1.5 with SHA-256. Ed25519: the raw 64 bytes. ECDSA: ASN.1 DER, with SHA-256 on P-256 and SHA-384
        on P-384.

        Args:
            data: The bytes to sign.
        """
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding  # noqa: PLC0415 - as above

        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(data)
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(hash_of(self._key.curve.name)))
        return self._key.sign(data, padding.PKCS1v15(), hash_of(RSA))

    async def sign_challenge(self, challenge: bytes) -> bytes:
        """Sign a server's challenge, as :meth:`sign` does.

        Args:
            challenge: The bytes to sign.
        """
        return self.sign(challenge)


def check_key(key: object) -> None:
    """Raise InvalidKeyError unless a value is a key or None."""
    if isinstance(key, type) or not (key is None or isinstance(key, Signer)):
        raise InvalidKeyError(
            f"private_key is {type(key).__name__}; use ParsedPrivateKey.parse, ParsedPrivateKey.from_file or agent_keys"
        )


async def sign_challenge(key: Signer, challenge: str) -> str:
    """Sign a challenge. Challenge and signature are standard base64."""
    signature = await key.sign_challenge(base64.b64decode(challenge, validate=True))
    try:
        return base64.b64encode(signature).decode("ascii")
    except TypeError:
        raise InvalidKeyError(
            f"sign_challenge of {type(key).__name__} returned {type(signature).__name__}; return bytes"
        ) from None


def _load(found: KeyText, passphrase: bytes | None) -> object:
    """Load a key. Raises InvalidKeyError, or what ``parse`` replaces."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above

    if found.form is Form.OPENSSH:
        return serialization.load_ssh_private_key(found.data, passphrase)
    if found.form is Form.PEM:
        return serialization.load_pem_private_key(found.data, passphrase)
    if passphrase is None:
        return serialization.load_der_private_key(found.data, None)
    from pie_client.auth import pkcs8  # noqa: PLC0415 - as above

    return pkcs8.load(found.data, passphrase)


def _as_bytes(value: object, what: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    raise InvalidKeyError(
        f"{what} is {type(value).__name__}; pass str or bytes, or the path of a key file to from_file"
    )


def _check_algorithm(key: object) -> "SigningKey":
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - as above

    if isinstance(key, (rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey)):
        return key
    kind = type(key).__name__.removesuffix("PrivateKey").strip("_")
    raise InvalidKeyError(f"servers don't accept {kind} keys; use RSA, Ed25519, or ECDSA on P-256 or P-384")


def hash_of(kind: str) -> "HashAlgorithm":
    """Return the hash that a signature is made with, by the kind of the key or the curve of an ECDSA key."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - keeps cryptography out of the import

    algorithms = {algorithm.name: algorithm for algorithm in (hashes.SHA256(), hashes.SHA384())}
    return algorithms[SIGNATURE_HASHES[kind]]


def check_kind(key: "SigningKey | PublicKey") -> str:
    """Return the name of a key's kind. Raises InvalidKeyError if servers don't accept its size or curve."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415 - as above

    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        if key.key_size < RSA_KEY_BITS:
            raise InvalidKeyError(
                f"the RSA key has {key.key_size} bits; create one with at least {RSA_KEY_BITS}"
            )
        return f"{RSA}-{key.key_size}"
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        if key.curve.name not in SIGNATURE_HASHES:
            raise InvalidKeyError(f"the ECDSA key is on {key.curve.name}; create one on P-256 or P-384")
        return f"ECDSA {key.curve.name}"
    return "Ed25519"
