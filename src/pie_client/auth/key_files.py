"""Find the private key in the content of a key file.

The first key is used. Its bytes determine its format: labels are often wrong, and text around the key is ignored.
``keys`` loads the key.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from pie_client.errors import InvalidKeyError

FIRST_LINE = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----")
LAST_LINE = re.compile(rb"-----END [A-Z0-9 ]*PRIVATE KEY-----")
LITERAL_LINE_END = re.compile(rb"(?<!\\)\\++[nr]")
"""``\\n`` in a variable or in JSON. Matches only at the first backslash: otherwise many of them take quadratic time."""
ENCRYPTED_HEADER = re.compile(rb"^Proc-Type:.*ENCRYPTED", re.MULTILINE)
"""Header of an encrypted block (RFC 1421, section 4.6.1.1)."""
OPENSSH = b"OPENSSH "
OPENSSH_MAGIC = b"openssh-key-v1\0"
UNENCRYPTED = b"none"
"""Name of OpenSSH's cipher for keys without a passphrase."""

INTEGER, OCTET_STRING, SEQUENCE = 0x02, 0x04, 0x30
"""Tags of DER (X.690, section 8)."""
LONG_LENGTH = 0x80
PKCS8_V1, PKCS8_V2 = b"\0", b"\1"
PKCS12_VERSION = b"\3"
MAX_BCRYPT_ROUNDS = 1000
"""Most rounds of OpenSSH's key derivation: ten seconds; ssh-keygen uses 24 unless it is told otherwise."""

OTHER_KINDS = (
    (
        rb"-BEGIN [A-Z0-9 ]*PUBLIC KEY-|---- BEGIN SSH2 PUBLIC KEY|\A(ssh|ecdsa|sk)-[a-z0-9@.-]+ AAAA",
        "this is a public key; pass the private key, which is in the file without .pub",
    ),
    (
        rb"\APuTTY-User-Key-File-",
        "this is a PuTTY private key; convert it with puttygen FILE -O private-openssh -o NEW_FILE",
    ),
    (
        rb"---- BEGIN SSH2 (ENCRYPTED )?PRIVATE KEY",
        "this is a private key of ssh.com; convert it with ssh-keygen -i -f FILE > NEW_FILE",
    ),
    (
        rb"-BEGIN PGP PRIVATE KEY BLOCK",
        "this is an OpenPGP private key, which servers don't accept; create another with ssh-keygen -t ed25519",
    ),
    (
        rb"-BEGIN [A-Z0-9 ]*CERTIFICATE",
        "this is a certificate; pass the private key that belongs to it",
    ),
    (
        rb'\A\{.*"kty"',
        "this is a private key as JSON Web Key; save it as PKCS#8 PEM",
    ),
    (
        rb"\ALS0tLS1CRUdJTi",
        "this is a private key that is encoded once more; decode it with base64 -d FILE > NEW_FILE",
    ),
)
"""What else is passed as a private key, by the beginning of its text or of a line, and what to do about it."""


class Form(Enum):
    """How a key is written."""

    OPENSSH = auto()
    """PEM block in OpenSSH's own format."""
    PEM = auto()
    """PEM block with headers."""
    DER = auto()
    """PKCS#8, PKCS#1 or SEC1 without PEM around it."""


class KeyText(NamedTuple):
    """The private key that a file contains."""

    form: Form
    data: bytes
    encrypted: bool


def find_key(content: bytes) -> KeyText:
    """Return the first private key in a file. Raises InvalidKeyError if there is none."""
    if _is_der(content):
        return _from_der(content)
    # UTF-16 has a NUL in each ASCII character, and variables and JSON have \n for the end of a line. Editors indent keys,
    # and exports put text and certificates around them.
    text = LITERAL_LINE_END.sub(b"\n", content.replace(b"\0", b""))
    text = b"\n".join(line.strip() for line in text.splitlines())
    first = FIRST_LINE.search(text)
    if first is None:
        raise InvalidKeyError(_describe_other(text.lstrip(b"\xef\xbb\xbf\xff\xfe \n")))
    last = LAST_LINE.search(text, first.end())
    if last is None:
        raise damaged()
    body = text[first.end() : last.start()]
    if b":" in body:
        return KeyText(
            Form.PEM, text[first.start() : last.end()] + b"\n", ENCRYPTED_HEADER.search(body) is not None
        )
    try:
        data = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        raise damaged() from error
    if data.startswith(OPENSSH_MAGIC):
        end = len(OPENSSH_MAGIC) + 4 + len(UNENCRYPTED)
        cipher = data[len(OPENSSH_MAGIC) : end]
        block = b"-----BEGIN %bPRIVATE KEY-----\n%b-----END %bPRIVATE KEY-----\n"
        encrypted = cipher != len(UNENCRYPTED).to_bytes(4) + UNENCRYPTED
        if encrypted:
            _check_bcrypt(data[len(OPENSSH_MAGIC) :])
        return KeyText(Form.OPENSSH, block % (OPENSSH, base64.encodebytes(data), OPENSSH), encrypted)
    return _from_der(data)


def damaged() -> InvalidKeyError:
    """Return the error for a key that can't be parsed."""
    return InvalidKeyError(
        "can't parse the private key: damaged, truncated or of an unknown kind; copy it again or create a new one"
    )


def cant_decrypt(reason: str) -> InvalidKeyError:
    """Return the error for a key whose encryption is not supported, or too much work: whoever wrote the file chose how much."""
    return InvalidKeyError(
        f"can't decrypt the private key: {reason}; encrypt it again with ssh-keygen -p or openssl pkcs8 -topk8"
    )


def _check_bcrypt(fields: bytes) -> None:
    """Check the rounds of OpenSSH's key derivation: the last number of the third field, after cipher and name."""
    field = b""
    for _ in range(3):
        end = 4 + int.from_bytes(fields[:4])
        field, fields = fields[4:end], fields[end:]
    rounds = int.from_bytes(field[-4:])
    if rounds > MAX_BCRYPT_ROUNDS:
        raise cant_decrypt(f"it takes more than {MAX_BCRYPT_ROUNDS} rounds")


def _describe_other(text: bytes) -> str:
    for pattern, words in OTHER_KINDS:
        if re.search(pattern, text, re.DOTALL):
            return words
    return "not a private key: no line -----BEGIN ... PRIVATE KEY-----; pass the text of an OpenSSH or PEM file, or its path to from_file"


# ------------------------------------------------------------- DER


def _is_der(content: bytes) -> bool:
    """Return whether a file is one DER sequence."""
    try:
        return [tag for tag, _ in _elements(content)] == [SEQUENCE]
    except ValueError:
        return False


def _from_der(data: bytes) -> KeyText:
    try:
        _, start, _ = _header(data, 0)
        if data[start] == SEQUENCE:  # what a passphrase decrypts: the algorithm comes first
            return KeyText(Form.DER, data, encrypted=True)
        ((_, content),) = _elements(data)
        elements = list(_elements(content))
    except (ValueError, IndexError):
        return KeyText(Form.DER, data, encrypted=False)  # loading it reports the damage
    if elements[0] == (INTEGER, PKCS12_VERSION):
        raise InvalidKeyError(
            "this is a PKCS#12 file; convert it with openssl pkcs12 -in FILE -nocerts -nodes -out NEW_FILE"
        )
    return KeyText(Form.DER, without_public_key(data), encrypted=False)


def without_public_key(data: bytes) -> bytes:
    """Return a key without the public key that RFC 5958 adds to PKCS#8. Raises ValueError if it can't be parsed.

    The private key contains or determines it. Few tools can remove it, and few releases of cryptography and OpenSSL load it.
    """
    ((_, content),) = _elements(data)
    first, *others = list(_elements(content))[:3]
    if first != (INTEGER, PKCS8_V2) or [tag for tag, _ in others] != [SEQUENCE, OCTET_STRING]:
        return data
    return _encode(SEQUENCE, b"".join(_encode(*each) for each in [(INTEGER, PKCS8_V1), *others]))


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and the content of each element. Raises ValueError if one is truncated."""
    at = 0
    while at < len(data):
        tag, start, end = _header(data, at)
        if end > len(data):
            raise ValueError("truncated")
        yield tag, data[start:end]
        at = end


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Return an element's tag, and where its content starts and ends. Raises ValueError if the header is truncated."""
    start = at + 2
    if start > len(data):
        raise ValueError("truncated")
    tag, length = data[at:start]
    if length & LONG_LENGTH:
        start += length ^ LONG_LENGTH
        length = int.from_bytes(data[at + 2 : start])
    return tag, start, start + length


def _encode(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < LONG_LENGTH:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, LONG_LENGTH | size]) + length.to_bytes(size) + content
