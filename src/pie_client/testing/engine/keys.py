"""Public keys, as servers take them, and files of them."""

from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

from pie_client._generated.families import RSA_KEY_BITS

PEM = "-----BEGIN"
PRIVATE = "PRIVATE KEY-----"
CERTIFICATE = "-cert-v01@"
"""In the kind of an OpenSSH certificate, which servers do not take."""

PublicKey: TypeAlias = Ed25519PublicKey | RSAPublicKey | EllipticCurvePublicKey
"""The kinds of keys that servers take."""


def read_public_key(key: str) -> PublicKey:
    """Read an OpenSSH line or a PEM.

    Raises:
        ValueError: No server takes it; the text follows what names the key.
    """
    if PRIVATE in key:
        raise ValueError("is a private key; pass the public half, which is in the file that ends in .pub")
    load = load_pem_public_key if key.lstrip().startswith(PEM) else load_ssh_public_key
    try:
        found = load(key.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no public key; write it like the line in id_ed25519.pub") from None
    if isinstance(found, RSAPublicKey):
        if found.key_size < RSA_KEY_BITS:
            raise ValueError(f"is an RSA key of {found.key_size} bits; servers take {RSA_KEY_BITS} or more")
    elif isinstance(found, EllipticCurvePublicKey):
        if not isinstance(found.curve, SECP256R1 | SECP384R1):
            raise ValueError(f"is an ECDSA key on {found.curve.name}; servers take P-256 and P-384")  # noqa: TRY004 - the text is wrong, not its type
    elif not isinstance(found, Ed25519PublicKey):
        raise ValueError("is of a kind that servers do not take; they take Ed25519, RSA, P-256 and P-384")  # noqa: TRY004 - as above
    if CERTIFICATE in key.partition(" ")[0]:
        raise ValueError("is a certificate, which servers do not take; pass the public key itself")
    return found


def read_authorized_keys(path: Path) -> list[str]:
    """Read public keys: one OpenSSH line each, with blank lines and comments between them, or one PEM.

    Raises:
        OSError: The file can't be read.
        ValueError: There is no key in it, or one that can't be used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is no text; write keys like the line in id_ed25519.pub") from None
    if PRIVATE in text.partition("\n")[0]:
        raise ValueError("it is a private key; pass the public half, which is in the file that ends in .pub")
    if text.lstrip().startswith(PEM):
        found = [text]
    else:
        found = [
            line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
        ]
    if not found:
        raise ValueError("it has no key in it")
    for number, key in enumerate(found, 1):
        try:
            read_public_key(key)
        except ValueError as error:
            raise ValueError(f"key {number} in it {error}") from None
    return found
