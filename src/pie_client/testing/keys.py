"""Files of public keys."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

PEM = "-----BEGIN"
PRIVATE = "PRIVATE KEY-----"


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
        load = load_pem_public_key if key.lstrip().startswith(PEM) else load_ssh_public_key
        try:
            load(key.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError(
                f"key {number} in it is no public key; write it like the line in id_ed25519.pub"
            ) from None
    return found
