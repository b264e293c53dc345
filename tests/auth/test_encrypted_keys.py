"""Encrypted keys, whose files say how much work decrypting them is, are decrypted or refused at once."""

import base64
import random
import subprocess
from pathlib import Path

import pytest

from pie_client import InvalidKeyError, ParsedPrivateKey

PASSPHRASE = "secret"  # noqa: S105 - of keys that live as long as a test
INTEGER, OCTETS, NULL, NAME, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
PBES2, PBKDF2, SCRYPT = "2a864886f70d01050d", "2a864886f70d01050c", "2b06010401da47040b"
SHA256, SHA512_256, OLD_SCHEME = "2a864886f70d0209", "2a864886f70d020d", "2a864886f70d010c0103"
AES = "60864801650304012a"
HUGE = 1 << 31

COMMANDS = {
    "PBKDF2": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout pass:{secret} -iter 1",
    "PBKDF2 and SHA-1": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout pass:{secret} -iter 1 -v2 aes-128-cbc -v2prf hmacWithSHA1",
    "PBKDF2 and SHA-224": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout pass:{secret} -iter 1 -v2 aes-192-cbc -v2prf hmacWithSHA224",
    "PBKDF2 and SHA-512": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout pass:{secret} -iter 1 -v2prf hmacWithSHA512",
    "PBKDF2 and 3DES": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout pass:{secret} -iter 1 -v2 des3",
    "scrypt": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout pass:{secret} -scrypt -scrypt_N 16 -scrypt_r 1 -scrypt_p 1",
    "PKCS#12": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout pass:{secret} -iter 1 -v1 PBE-SHA1-3DES",
    "headers": "openssl ec -in {plain} -aes256 -out {out} -passout pass:{secret}",
    "OpenSSH": "ssh-keygen -q -t ed25519 -a 1 -N {secret} -f {out}",
}
"""Command that makes an encrypted key, by how it is encrypted."""


def make(encryption: str, folder: Path) -> bytes:
    """Return an encrypted key as OpenSSL or OpenSSH writes it."""
    plain, out = folder / "plain", folder / "out"
    commands = (
        "openssl ecparam -name prime256v1 -genkey -noout -out {plain}",
        COMMANDS[encryption],
    )
    for command in commands:
        words = command.format(plain=plain, out=out, secret=PASSPHRASE).split()
        subprocess.run(words, check=True, capture_output=True)  # noqa: S603 - commands of this file
    return out.read_bytes()


def element(tag: int, *parts: bytes) -> bytes:
    """Return an element of DER."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def algorithm(name: str, *parameters: bytes) -> bytes:
    return element(SEQUENCE, element(NAME, bytes.fromhex(name)), *parameters)


def numbers(*values: int) -> bytes:
    """Return the parameters of a key derivation: a salt and numbers."""
    encoded = [element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, signed=True)) for value in values]
    return element(OCTETS, b"saltsalt") + b"".join(encoded)


def encrypted(derivation: bytes) -> bytes:
    """Return a key that PBES2 encrypts."""
    scheme = element(SEQUENCE, derivation, algorithm(AES, element(OCTETS, bytes(16))))
    return element(SEQUENCE, algorithm(PBES2, scheme), element(OCTETS, bytes(64)))


def pbkdf2(rounds: int, code: str = SHA256) -> bytes:
    return encrypted(algorithm(PBKDF2, element(SEQUENCE, numbers(rounds), algorithm(code, element(NULL)))))


def scrypt(cost: int, block: int, parallel: int) -> bytes:
    return encrypted(algorithm(SCRYPT, element(SEQUENCE, numbers(cost, block, parallel))))


def pkcs12(rounds: int) -> bytes:
    scheme = algorithm(OLD_SCHEME, element(SEQUENCE, numbers(rounds)))
    return element(SEQUENCE, scheme, element(OCTETS, bytes(64)))


def openssh(rounds: int) -> bytes:
    def string(value: bytes) -> bytes:
        return len(value).to_bytes(4) + value

    options = string(bytes(16)) + rounds.to_bytes(4)
    fields = [b"aes256-ctr", b"bcrypt", options]
    data = b"openssh-key-v1\0" + b"".join(map(string, fields)) + (1).to_bytes(4) + string(b"x") * 2
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n%b-----END OPENSSH PRIVATE KEY-----\n" % base64.encodebytes(
        data
    )


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = element(SEQUENCE, data)
    return data


@pytest.mark.tools("openssl")
@pytest.mark.tools("ssh-keygen")
@pytest.mark.parametrize("encryption", COMMANDS)
def test_a_damaged_encrypted_key_is_refused_or_decrypted(encryption: str, tmp_path: Path) -> None:
    first, *lines, last = make(encryption, tmp_path).splitlines()
    whole = b"\n".join([first, *lines, last])
    assert ParsedPrivateKey.parse(whole, PASSPHRASE).sign(bytes(48))
    body = whole if encryption == "headers" else base64.b64decode(b"".join(lines))
    chance = random.Random(encryption)  # noqa: S311 - the same in every run
    refused = 0
    for _ in range(100):
        damaged = bytearray(body)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        text = bytes(damaged)
        if encryption != "headers":
            text = b"\n".join([first, base64.b64encode(text), last])
        try:
            ParsedPrivateKey.parse(text, PASSPHRASE)
        except InvalidKeyError as error:
            assert str(error).isprintable()  # noqa: PT017 - some damages do no harm
            refused += 1
    assert refused > 80


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (pbkdf2(10_000_001), "it takes more than 10000000 rounds"),
        (pbkdf2(HUGE), "it takes more than 10000000 rounds"),
        (pbkdf2(HUGE << 10_000), "it takes more than 10000000 rounds"),
        (pkcs12(10_000_001), "it takes more than 10000000 rounds"),
        (scrypt(1 << 21, 8, 1), "scrypt takes more than 1 GiB"),
        (scrypt(1 << 10, 1, 1 << 20), "scrypt takes more than 1 GiB"),
        (scrypt(2, 1 << 22, 1), "scrypt takes more than 1 GiB"),
        (openssh(1001), "it takes more than 1000 rounds"),
        (openssh(HUGE), "it takes more than 1000 rounds"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_a_key_that_takes_too_much_work_to_decrypt_is_refused(key: bytes, reason: str) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        ParsedPrivateKey.parse(key, PASSPHRASE)
    assert str(caught.value) == (
        f"can't decrypt the private key: {reason}; encrypt it again with ssh-keygen -p or openssl pkcs8 -topk8"
    )


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (pbkdf2(1, SHA512_256), "the hash 1.2.840.113549.2.13 of PBKDF2 is not supported"),
        (encrypted(algorithm(AES, numbers())), "the key derivation 2.16.840.1.101.3.4.1.42 is not supported"),
    ],
    ids=["hash", "key derivation"],
)
def test_an_encryption_that_is_not_supported_is_named(key: bytes, reason: str) -> None:
    with pytest.raises(InvalidKeyError, match=f"can't decrypt the private key: {reason}; encrypt it again"):
        ParsedPrivateKey.parse(key, PASSPHRASE)


@pytest.mark.parametrize(
    "key",
    [
        nested(1200),
        nested(20_000),
        scrypt(0, 0, 0),
        scrypt(-8, 8, 1),
        scrypt(3, 1, 1),
        pbkdf2(0),
        pbkdf2(-1),
        pkcs12(0),
    ],
    ids=range(8),
)
def test_a_malformed_encrypted_key_is_refused(key: bytes) -> None:
    with pytest.raises(InvalidKeyError, match=r"can't (decrypt|parse) the private key: "):
        ParsedPrivateKey.parse(key, PASSPHRASE)
