"""Reads a file of public keys, for ``--authorized-keys``."""

from pathlib import Path

from pie_client.testing.engine.keys import PEM, PRIVATE, read_public_key


def read_authorized_keys(path: Path) -> list[str]:
    """Read the public keys in a file: one PEM, or OpenSSH lines with blank lines and comments between them.

    Raises:
        OSError: The file can't be read.
        ValueError: The file has no key, or one that servers do not accept.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not a text file; write keys like the line in id_ed25519.pub") from None
    if PRIVATE in text.partition("\n")[0]:
        raise ValueError("it is a private key; pass the file that ends in .pub")
    if text.lstrip().startswith(PEM):
        found = [text]
    else:
        lines = (line.strip() for line in text.splitlines())
        found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise ValueError("it contains no key")
    for number, key in enumerate(found, 1):
        try:
            read_public_key(key)
        except ValueError as error:
            raise ValueError(f"key {number} in it {error}") from None
    return found
