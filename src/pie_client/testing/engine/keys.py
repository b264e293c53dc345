"""Reads public keys of the kinds that servers accept."""

from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

from pie_client._generated.families import RSA_KEY_BITS
from pie_client.testing._generated.servers import LARGEST_RSA_KEY_BITS

PEM = "-----BEGIN"
PRIVATE = "PRIVATE KEY-----"
CERTIFICATE = "-cert-v01@"
"""Part of the key type of an OpenSSH certificate."""

PublicKey: TypeAlias = Ed25519PublicKey | RSAPublicKey | EllipticCurvePublicKey
"""A key of a kind that servers accept."""


def read_public_key(key: object) -> PublicKey:
    """Read an OpenSSH line or a PEM.

    Raises:
        ValueError: Servers do not accept it. The text is the rest of a sentence that begins with the key.
    """
    if not isinstance(key, str):
        raise ValueError(f"is {type(key).__name__}; pass the text of a public key")  # noqa: TRY004 - see Raises
    if PRIVATE in key:
        raise ValueError("is a private key; pass the public key from the file that ends in .pub")
    load = load_pem_public_key if key.lstrip().startswith(PEM) else load_ssh_public_key
    try:
        found = load(key.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is not a public key; write it like the line in id_ed25519.pub") from None
    if isinstance(found, RSAPublicKey):
        if not RSA_KEY_BITS <= found.key_size <= LARGEST_RSA_KEY_BITS:
            raise ValueError(
                f"is an RSA key of {found.key_size} bits; servers accept {RSA_KEY_BITS} to {LARGEST_RSA_KEY_BITS} bits"
            )
    elif isinstance(found, EllipticCurvePublicKey):
        if not isinstance(found.curve, SECP256R1 | SECP384R1):
            raise ValueError(f"is an ECDSA key on {found.curve.name}; servers accept P-256 and P-384")  # noqa: TRY004 - the text is wrong, not its type
    elif not isinstance(found, Ed25519PublicKey):
        raise ValueError("is of an unsupported kind; servers accept Ed25519, RSA, P-256 and P-384")  # noqa: TRY004 - as above
    if CERTIFICATE in key.partition(" ")[0]:
        raise ValueError("is a certificate, which servers do not accept; pass the public key itself")
    return found
