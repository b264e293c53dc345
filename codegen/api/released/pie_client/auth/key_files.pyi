import base64
import binascii
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple
from pie_client.errors import InvalidKeyError
FIRST_LINE = re.compile(b'-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----')
LAST_LINE = re.compile(b'-----END [A-Z0-9 ]*PRIVATE KEY-----')
LITERAL_LINE_END = re.compile(b'(?<!\\\\)\\\\++[nr]')
ENCRYPTED_HEADER = re.compile(b'^Proc-Type:.*ENCRYPTED', re.MULTILINE)
OPENSSH = b'OPENSSH '
OPENSSH_MAGIC = b'openssh-key-v1\x00'
UNENCRYPTED = b'none'
INTEGER, OCTET_STRING, SEQUENCE = (2, 4, 48)
LONG_LENGTH = 128
PKCS8_V1, PKCS8_V2 = (b'\x00', b'\x01')
PKCS12_VERSION = b'\x03'
MAX_BCRYPT_ROUNDS = 1000
OTHER_KINDS = ...

class Form(Enum):
    OPENSSH = auto()
    PEM = auto()
    DER = auto()

class KeyText(NamedTuple):
    form: Form
    data: bytes
    encrypted: bool

def find_key(content: bytes) -> KeyText:
    ...

def damaged() -> InvalidKeyError:
    ...

def cant_decrypt(reason: str) -> InvalidKeyError:
    ...

def without_public_key(data: bytes) -> bytes:
    ...
