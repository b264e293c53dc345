"""Parsing private keys, which are made by the tools that users make them with."""

import base64
import itertools
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

from pie_client import InvalidArgumentError, InvalidKeyError, ParsedPrivateKey, PieClient
from pie_client.testing import LocalEngine

needs_ssh_keygen = pytest.mark.tools("ssh-keygen")
needs_openssl = pytest.mark.tools("openssl")

PASSPHRASE = "correct hörse battery"  # noqa: S105 - of keys that live as long as a test
CHALLENGE = bytes(range(48))

SSH_KEYGEN = {
    "RSA-2048": "ssh-keygen -t rsa -b 2048",
    "RSA-3072": "ssh-keygen -t rsa -b 3072",
    "Ed25519": "ssh-keygen -t ed25519",
    "ECDSA secp256r1": "ssh-keygen -t ecdsa -b 256",
    "ECDSA secp384r1": "ssh-keygen -t ecdsa -b 384",
}
"""Command of OpenSSH, by kind of key."""

SSH_KEYGEN_PEM = {
    ("RSA-2048", "PEM"): "BEGIN RSA PRIVATE KEY",
    ("RSA-2048", "PKCS8"): "PRIVATE KEY",
    ("RSA-3072", "PEM"): "BEGIN RSA PRIVATE KEY",
    ("RSA-3072", "PKCS8"): "PRIVATE KEY",
    ("ECDSA secp256r1", "PEM"): "BEGIN EC PRIVATE KEY",
    ("ECDSA secp256r1", "PKCS8"): "PRIVATE KEY",
    ("ECDSA secp384r1", "PEM"): "BEGIN EC PRIVATE KEY",
    ("ECDSA secp384r1", "PKCS8"): "PRIVATE KEY",
}
"""First line of the file, by kind of key and format of ssh-keygen."""

OPENSSL = {
    "PKCS#8 RSA": ("RSA-2048", "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {out}"),
    "PKCS#8 Ed25519": ("Ed25519", "openssl genpkey -algorithm ED25519 -out {out}"),
    "PKCS#8 P-256": (
        "ECDSA secp256r1",
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {out}",
    ),
    "PKCS#8 P-384": (
        "ECDSA secp384r1",
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out {out}",
    ),
    "PKCS#1": ("RSA-2048", "openssl genrsa -traditional -out {out} 2048"),
    "SEC1": ("ECDSA secp256r1", "openssl ecparam -name prime256v1 -genkey -noout -out {out}"),
    "SEC1 with EC parameters": (
        "ECDSA secp384r1",
        "openssl ecparam -name secp384r1 -genkey -out {out}",
    ),
}
"""Kind of key and command of OpenSSL, by container."""

OPENSSL_ENCRYPTED = {
    "PKCS#8 RSA": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout {secret}",
    "PKCS#8 Ed25519": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout {secret}",
    "PKCS#8 P-256": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout {secret}",
    "PKCS#8 P-384": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout {secret}",
    "PKCS#1": "openssl rsa -in {plain} -traditional -aes256 -out {out} -passout {secret}",
    "SEC1": "openssl ec -in {plain} -aes256 -out {out} -passout {secret}",
}
"""Command of OpenSSL that encrypts a key, by container."""

ENCRYPTED_BLOCKS = """
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAA
-----END OPENSSH PRIVATE KEY-----
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIIC
-----END ENCRYPTED PRIVATE KEY-----
-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED

MIIC
-----END RSA PRIVATE KEY-----
"""
"""The beginnings of keys that need a passphrase."""


ENCRYPTED_WITH_PUBLIC_KEY = {
    "scrypt": """
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIG8MFgGCSqGSIb3DQEFDTBLMCoGCSsGAQQB2kcECzAdBBAOd3R/gsbmPchwy3mM
LJ4oAgMCAAACAQgCAQEwHQYJYIZIAWUDBAEqBBAHGm+8qFc7yKiFZagpfwA0BGB1
pN6U2jfld/tW8lNbbtadLyM8Swj9DLpyuKyhxfUD8R7sjNwnFfRMPpCzsyIqJDBU
X0EH/q5QYPnZl/fCnVY4IFbyfypFxoDj3VD9/cp4pcIJLA4YenPwQuHCB28JTYI=
-----END ENCRYPTED PRIVATE KEY-----
""",
    "PBKDF2": """
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIG7MFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgBAgMEBQYHCAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAkJCQkJCQkJCQkJCQkJCQkEYPfp
1sG+23eUpH2hTpFAph7rxzv4UyZ75DW6uBBdKVtZs7o9otKUnrqQA/xtd0kcMR2h
z5/5qrNc7Yf+cDD0RW3FLeSYmYMf+cEr5FM6R8xGMCv3gD8H/spaQc60OiuaKw==
-----END ENCRYPTED PRIVATE KEY-----
""",
}
"""An encrypted key that contains its public key, by key derivation: written by the Rust packages ed25519-dalek and pkcs8."""
PUBLIC_KEY = """
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAxiBrt8dprYxRe3Fy8bUxxzZ+gw5mu22lgVtkZ7zhLNE=
-----END PUBLIC KEY-----
"""
"""Its public key."""


def wrapped(text: str, columns: int) -> str:
    """Wrap the lines between the first and the last one anew."""
    first, *body, last = text.splitlines()
    return "\n".join([first, *textwrap.wrap("".join(body), columns), last, ""])


CHANGES: dict[str, Callable[[str], str]] = {
    "CRLF line ends": lambda text: text.replace("\n", "\r\n"),
    "blank lines around it": lambda text: f"\n \t\r\n{text}\n\n",
    "indented": lambda text: "".join(f"    {line}\n" for line in text.splitlines()),
    "byte order mark": lambda text: f"\ufeff{text}",
    "text before it": lambda text: f"Bag Attributes\n    friendlyName: NOT ENCRYPTED\n{text}",
    "no newline at the end": lambda text: text.rstrip("\n"),
    "wrapped at 32 columns": lambda text: wrapped(text, 32),
    "wrapped at 100 columns": lambda text: wrapped(text, 100),
    "in one line": lambda text: text.replace("\n", " "),
    "line ends of a variable": lambda text: text.replace("\n", "\\n"),
    "line ends of a variable in JSON": lambda text: json.dumps({"key": text.replace("\n", "\\r\\n")}),
    "another key after it": lambda text: f"{text}{ENCRYPTED_BLOCKS}",
    "label of another format": lambda text: text.replace("RSA PRIVATE", "PRIVATE").replace("OPENSSH ", "EC "),
}
"""Changes that editors and exports make to a key file."""


class KeyMaker:
    """Makes each key once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ssh_keygen(self, kind: str, form: str = "RFC4716", passphrase: str = "") -> Path:
        """Make a key with ssh-keygen, which calls its own format RFC4716; the public key is beside it."""
        return self.make(
            f"{kind} {form} {'encrypted' if passphrase else 'plain'}",
            lambda out: [*SSH_KEYGEN[kind].split(), "-q", "-m", form, "-N", passphrase, "-f", out],
        )

    def openssl(self, container: str) -> Path:
        """Make a key with OpenSSL."""
        return self.make(container, lambda out: OPENSSL[container][1].format(out=out).split())

    def encrypted(self, container: str) -> Path:
        """Make a key with OpenSSL and encrypt it."""
        plain = self.openssl(container)

        def command(out: str) -> list[str]:
            words = OPENSSL_ENCRYPTED[container].split()
            return [w.format(plain=plain, out=out, secret=f"pass:{PASSPHRASE}") for w in words]

        return self.make(f"{container} encrypted", command)

    def make(self, name: str, command: Callable[[str], list[str]]) -> Path:
        """Make a file with a tool unless it was made before."""
        place = self.folder / "".join(c if c.isalnum() else "_" for c in name)
        if not place.exists():
            run(*command(str(place)))
        return place


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyMaker:
    """Keys of every kind."""
    return KeyMaker(tmp_path_factory.mktemp("keys"))


def run(*command: str) -> bytes:
    """Run a tool and return its output."""
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - commands of this file


def public_text(private: Path, passphrase: str = "") -> str:
    """Return the public key of a PEM key, as OpenSSL writes it."""
    return run("openssl", "pkey", "-in", str(private), "-passin", f"pass:{passphrase}", "-pubout").decode()


def ssh_public_text(private: Path) -> str:
    """Return the public key that ssh-keygen wrote beside a private key."""
    return private.with_name(f"{private.name}.pub").read_text(encoding="utf-8")


def verify(public: str, key: ParsedPrivateKey) -> None:
    """Check a signature as servers do; raises InvalidSignature."""
    load = load_pem_public_key if public.startswith("---") else load_ssh_public_key
    signature = key.sign(CHALLENGE)
    match load(public.encode()):
        case ed25519.Ed25519PublicKey() as found:
            found.verify(signature, CHALLENGE)
        case rsa.RSAPublicKey() as found:
            found.verify(signature, CHALLENGE, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePublicKey() as found:
            digest = SHA384() if isinstance(found.curve, ec.SECP384R1) else SHA256()
            found.verify(signature, CHALLENGE, ec.ECDSA(digest))
        case other:
            pytest.fail(f"can't check a signature with {other!r}")


def check_refused(text: str | bytes, passphrase: str | bytes | None = None, *, matching: str) -> str:
    """Check that parsing fails with one line of advice that shows no part of the key or passphrase; return it."""
    with pytest.raises(InvalidKeyError, match=matching) as caught:
        ParsedPrivateKey.parse(text, passphrase)
    assert isinstance(caught.value, InvalidArgumentError)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message, "no advice"
    shown = "".join(traceback.format_exception(caught.value))
    for line in decoded(text).splitlines():
        words = line.strip()
        assert len(words) <= 8 or words.startswith("---") or words not in shown
    assert PASSPHRASE not in shown
    assert not passphrase or decoded(passphrase) not in shown
    return message


def decoded(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


# ------------------------------------------------------------- keys that are parsed


@needs_ssh_keygen
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["plain", "encrypted"])
@pytest.mark.parametrize(("kind", "form"), [*((kind, "RFC4716") for kind in SSH_KEYGEN), *SSH_KEYGEN_PEM])
def test_every_key_of_ssh_keygen_is_parsed_and_signs(
    kind: str, form: str, passphrase: str, keys: KeyMaker
) -> None:
    """D52."""
    path = keys.ssh_keygen(kind, form, passphrase)
    first = "BEGIN OPENSSH PRIVATE KEY" if form == "RFC4716" else SSH_KEYGEN_PEM[kind, form]
    assert first.removeprefix("BEGIN ") in path.read_text().splitlines()[0]
    key = ParsedPrivateKey.parse(path.read_text(), passphrase or None)
    assert key.kind == kind
    assert repr(key) == str(key) == f"<ParsedPrivateKey {kind}>"
    verify(ssh_public_text(path), key)


@needs_openssl
@pytest.mark.parametrize("container", OPENSSL)
def test_every_key_of_openssl_is_parsed_and_signs(container: str, keys: KeyMaker) -> None:
    path = keys.openssl(container)
    key = ParsedPrivateKey.parse(path.read_bytes(), "")
    assert key.kind == OPENSSL[container][0]
    verify(public_text(path), key)


@needs_openssl
@pytest.mark.parametrize("container", OPENSSL_ENCRYPTED)
def test_every_key_that_openssl_encrypted_is_parsed_and_signs(container: str, keys: KeyMaker) -> None:
    """D52."""
    path = keys.encrypted(container)
    assert "ENCRYPTED" in path.read_text()
    key = ParsedPrivateKey.parse(path.read_text(), PASSPHRASE.encode())
    verify(public_text(path, PASSPHRASE), key)


@needs_ssh_keygen
@pytest.mark.parametrize("kind", ["Ed25519", "RSA-2048"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_key_file_changed_by_an_editor_or_export_is_parsed(kind: str, change: str, keys: KeyMaker) -> None:
    path = keys.ssh_keygen(kind, "RFC4716" if kind == "Ed25519" else "PEM")
    text = CHANGES[change](path.read_text())
    verify(ssh_public_text(path), ParsedPrivateKey.parse(text))
    verify(ssh_public_text(path), ParsedPrivateKey.parse(text.encode()))


@needs_ssh_keygen
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_key_file_in_an_encoding_of_windows_is_parsed(encoding: str, form: str, keys: KeyMaker) -> None:
    path = keys.ssh_keygen("RSA-2048", form)
    content = path.read_text().replace("\n", "\r\n").encode(encoding)
    verify(ssh_public_text(path), ParsedPrivateKey.parse(content))


@needs_openssl
@needs_ssh_keygen
def test_the_first_key_of_a_file_counts(keys: KeyMaker) -> None:
    plain = [keys.openssl("SEC1"), keys.ssh_keygen("Ed25519")]
    encrypted = [
        keys.encrypted("PKCS#8 RSA"),
        keys.encrypted("PKCS#1"),
        keys.ssh_keygen("Ed25519", passphrase=PASSPHRASE),
    ]
    for first, second in itertools.product(plain, encrypted):
        key = ParsedPrivateKey.parse(first.read_text() + second.read_text())
        assert key.kind == ParsedPrivateKey.parse(first.read_text()).kind
        both = second.read_text() + first.read_text()
        assert (
            ParsedPrivateKey.parse(both, PASSPHRASE).kind
            == ParsedPrivateKey.from_file(second, PASSPHRASE).kind
        )
        check_refused(both, matching="is encrypted; pass passphrase=")


@needs_openssl
@pytest.mark.parametrize("container", OPENSSL)
def test_a_key_is_recognized_by_its_bytes_whatever_its_label_says(container: str, keys: KeyMaker) -> None:
    path = keys.openssl(container)
    for label in ("", "RSA ", "EC ", "OPENSSH "):
        text = re.sub("(?<=BEGIN )[A-Z ]*(?=PRIVATE KEY)", label, path.read_text())
        verify(public_text(path), ParsedPrivateKey.parse(text))
    der = run("openssl", "pkey", "-in", str(path), "-outform", "DER")
    verify(public_text(path), ParsedPrivateKey.parse(der))


@needs_openssl
@pytest.mark.parametrize("container", ["PKCS#8 RSA", "PKCS#8 P-256"])
def test_an_encrypted_key_is_recognized_by_its_bytes(container: str, keys: KeyMaker) -> None:
    text = keys.encrypted(container).read_text().replace("ENCRYPTED ", "")
    check_refused(text, matching="is encrypted; pass passphrase=")
    verify(public_text(keys.openssl(container)), ParsedPrivateKey.parse(text, PASSPHRASE))


@needs_openssl
@pytest.mark.parametrize("container", [name for name in OPENSSL if name.startswith("PKCS#8")])
def test_a_key_with_its_public_key_is_parsed(container: str, keys: KeyMaker) -> None:
    """RFC 5958; some libraries write the public key as the RFC says, others with one more tag."""
    path = keys.openssl(container)
    der = run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", str(path), "-outform", "DER")
    bits = run("openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER")[-33:]
    tail = b"\0" + bits
    for added in (b"\x81" + bytes([len(tail)]) + tail, b"\xa1\x24\x03" + bytes([len(tail)]) + tail):
        start = 4 if der[1] == 0x82 else 3 if der[1] == 0x81 else 2
        content = b"\2\1\1" + der[start + 3 :] + added
        for key in (
            ParsedPrivateKey.parse(b"\x30\x82" + len(content).to_bytes(2) + content),
            ParsedPrivateKey.parse(
                b"-----BEGIN PRIVATE KEY-----\n%b-----END PRIVATE KEY-----\n"
                % base64.encodebytes(b"\x30\x82" + len(content).to_bytes(2) + content)
            ),
        ):
            verify(public_text(path), key)


@pytest.mark.parametrize("derivation", ENCRYPTED_WITH_PUBLIC_KEY)
def test_an_encrypted_key_with_its_public_key_is_parsed(derivation: str) -> None:
    """RFC 5958; OpenSSL can neither load nor convert it."""
    text = ENCRYPTED_WITH_PUBLIC_KEY[derivation]
    verify(PUBLIC_KEY.strip(), ParsedPrivateKey.parse(text, PASSPHRASE))
    check_refused(text, "Pssst", matching="wrong passphrase or damaged key")
    check_refused(text.replace("M", "N", 1), PASSPHRASE, matching="can't decrypt|can't parse")


@needs_ssh_keygen
@pytest.mark.parametrize("kind", SSH_KEYGEN)
async def test_a_parsed_key_authenticates(kind: str, keys: KeyMaker) -> None:
    path = keys.ssh_keygen(kind)
    engine = LocalEngine(family="0.4", auth={"alice": [ssh_public_text(path)]})
    async with engine, PieClient(engine.uri, timeout=20) as client:
        await client.authenticate("alice", ParsedPrivateKey.from_file(path))
        assert client.server is not None
        assert client.server.username == "alice"
        await client.ping()


# ------------------------------------------------------------- passphrases


@needs_ssh_keygen
def test_an_encrypted_openssh_key_without_bcrypt_is_refused_with_advice(keys: KeyMaker) -> None:
    """D52."""
    path = keys.ssh_keygen("Ed25519", passphrase=PASSPHRASE)
    # In a process of its own, where bcrypt is missing whether it is installed or not.
    script = f"""
import sys
sys.modules["bcrypt"] = None
from pie_client import InvalidKeyError, ParsedPrivateKey
try:
    ParsedPrivateKey.from_file({str(path)!r}, {PASSPHRASE!r})
except InvalidKeyError as error:
    print(error)
"""
    message = run(sys.executable, "-X", "utf8", "-c", script).decode()
    assert "pip install bcrypt, or remove the passphrase with ssh-keygen -p" in message
    assert message.count("\n") == 1
    assert PASSPHRASE not in message


@needs_openssl
@pytest.mark.parametrize("container", OPENSSL_ENCRYPTED)
def test_a_wrong_passphrase_is_refused(container: str, keys: KeyMaker) -> None:
    text = keys.encrypted(container).read_text()
    check_refused(text, "Pssst", matching="wrong passphrase or damaged key")
    check_refused(text, f"{PASSPHRASE} ".encode(), matching="wrong passphrase or damaged key")


@needs_ssh_keygen
@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-gcm@openssh.com"])
def test_a_wrong_passphrase_of_an_openssh_key_is_refused(cipher: str, keys: KeyMaker) -> None:
    path = keys.make(
        cipher,
        lambda out: ["ssh-keygen", "-q", "-t", "ed25519", "-Z", cipher, "-N", PASSPHRASE, "-f", out],
    )
    assert ParsedPrivateKey.from_file(path, PASSPHRASE).kind == "Ed25519"
    check_refused(path.read_text(), "Pssst", matching="wrong passphrase or damaged key")


@needs_openssl
@needs_ssh_keygen
@pytest.mark.parametrize("container", [*OPENSSL_ENCRYPTED, "OpenSSH"])
def test_an_encrypted_key_needs_a_passphrase(container: str, keys: KeyMaker) -> None:
    openssh = container == "OpenSSH"
    path = keys.ssh_keygen("Ed25519", passphrase=PASSPHRASE) if openssh else keys.encrypted(container)
    for missing in (None, "", b""):
        check_refused(path.read_text(), missing, matching="is encrypted; pass passphrase=")


@needs_openssl
@needs_ssh_keygen
@pytest.mark.parametrize("container", [*OPENSSL, "OpenSSH"])
def test_a_passphrase_for_a_key_without_one_is_refused(container: str, keys: KeyMaker) -> None:
    path = keys.ssh_keygen("Ed25519") if container == "OpenSSH" else keys.openssl(container)
    check_refused(path.read_text(), PASSPHRASE, matching="is not encrypted; leave passphrase out")
    ParsedPrivateKey.parse(path.read_text(), b"")


# ------------------------------------------------------------- keys that are refused


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("-t rsa -b 1024", "the RSA key has 1024 bits; create one with at least 2048"),
        ("-t ecdsa -b 521", "the ECDSA key is on secp521r1; create one on P-256 or P-384"),
    ],
)
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
def test_a_key_of_an_unsupported_size_or_curve_is_refused(
    options: str, reason: str, form: str, keys: KeyMaker
) -> None:
    """D51."""
    command = ["ssh-keygen", "-q", *options.split(), "-m", form, "-N", ""]
    path = keys.make(f"{options} {form}", lambda out: [*command, "-f", out])
    check_refused(path.read_text(), matching=reason)


@needs_openssl
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("openssl ecparam -name secp256k1 -genkey -noout -out", "create one on P-256 or P-384"),
        ("openssl ecparam -name sect283r1 -genkey -noout -out", "P-256 or P-384"),
        ("openssl genpkey -algorithm Ed448 -out", "servers don't accept Ed448 keys; use RSA, Ed25519"),
        ("openssl genpkey -algorithm X25519 -out", "servers don't accept X25519 keys; use RSA"),
        ("openssl genpkey -algorithm X448 -out", "servers don't accept X448 keys; use RSA"),
        ("openssl dsaparam -genkey -noout 1024 -out", "servers don't accept DSA keys; use RSA"),
    ],
)
def test_a_key_of_an_unsupported_kind_is_refused(command: str, reason: str, keys: KeyMaker) -> None:
    *words, option = command.split()
    size = [word for word in words if word.isdigit()]  # OpenSSL wants it last
    words = [word for word in words if not word.isdigit()]
    path = keys.make(command, lambda out: [*words, option, out, *size])
    check_refused(path.read_text(), matching=reason)


@needs_ssh_keygen
@pytest.mark.parametrize("form", ["OpenSSH", "RFC4716", "PEM", "PKCS8"])
def test_a_public_key_is_refused(form: str, keys: KeyMaker) -> None:
    private = keys.ssh_keygen("RSA-2048")
    text = ssh_public_text(private)
    if form != "OpenSSH":
        text = run("ssh-keygen", "-e", "-m", form, "-f", f"{private}.pub").decode()
    check_refused(text, matching="this is a public key; pass the private key")


@needs_openssl
@needs_ssh_keygen
def test_another_kind_of_file_is_named_with_the_command_that_converts_it(keys: KeyMaker) -> None:
    path = keys.openssl("PKCS#8 RSA")
    certificate = keys.make(
        "certificate",
        lambda out: ["openssl", "req", "-x509", "-key", str(path), "-subj", "/CN=a", "-out", out],
    )
    store = keys.make(
        "store",
        lambda out: (
            f"openssl pkcs12 -export -inkey {path} -in {certificate} -passout pass: -out {out}".split()
        ),
    )
    check_refused(certificate.read_text(), matching="this is a certificate; pass the private key")
    check_refused(
        store.read_bytes(), matching="this is a PKCS#12 file; convert it with openssl pkcs12 -in FILE"
    )
    check_refused(
        base64.b64encode(path.read_bytes()), matching="encoded once more; decode it with base64 -d FILE"
    )
    for text, reason in {
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n": "convert it with puttygen FILE -O private-openssh",
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAA\n": "convert it with ssh-keygen -i -f FILE",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQVY\n": "an OpenPGP private key, which servers don't accept; ",
        '{"kty":"OKP","crv":"Ed25519","d":"bm90IGEga2V5"}': "JSON Web Key; save it as PKCS#8 PEM",
    }.items():
        check_refused(text, matching=reason)
        check_refused(f"\ufeff\n{text}", PASSPHRASE, matching=reason)


@pytest.mark.parametrize(
    "text",
    [
        *("", " \n", "garbage", "~/.ssh/id_ed25519", "-----BEGIN", "-----BEGIN PRIVATE KEY-----"),
        "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n!!!!!!!!!!!!\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nbm90IGEga2V5\n-----END CERTIFICATE-----",
        *("\udc80\udcff half of a surrogate", b"", b"\x00\x01\x02\xff"),
        b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70",
    ],
    ids=repr,
)
def test_a_text_that_is_not_a_key_is_refused(text: str | bytes) -> None:
    check_refused(text, matching="private key")
    check_refused(text, PASSPHRASE, matching="private key")


@pytest.mark.parametrize(
    "piece", [b"\\", b"\\n", b"-----BEGIN ", b"-----BEGIN PRIVATE KEY-----", b"Proc-Type:", b"\x02\x00", b"-"]
)
def test_a_text_that_is_not_a_key_is_refused_in_linear_time(piece: bytes) -> None:
    def cost(size: int) -> float:
        text = b"-----BEGIN PRIVATE KEY-----\n" + piece * (size // len(piece))
        begin = time.process_time()
        check_refused(text, matching="private key")
        check_refused(text[28:], matching="private key")
        return time.process_time() - begin

    small = min(cost(10_000) for _ in range(5))
    assert min(cost(40_000) for _ in range(5)) < 10 * small


@needs_openssl
@pytest.mark.parametrize("wrong", [None, 5, ["-----BEGIN"], Path("~/.ssh/id_ed25519")])
def test_a_value_that_is_not_text_is_refused(wrong: object, keys: KeyMaker) -> None:
    with pytest.raises(InvalidKeyError, match=r"a private key is .*; pass str or bytes, or .* from_file"):
        ParsedPrivateKey.parse(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
    if wrong is not None:
        with pytest.raises(InvalidKeyError, match="a passphrase is"):
            ParsedPrivateKey.parse(keys.encrypted("SEC1").read_text(), wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake


@needs_ssh_keygen
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
def test_a_truncated_or_damaged_key_is_refused_without_asking_for_a_passphrase(
    form: str, keys: KeyMaker
) -> None:
    text = keys.ssh_keygen("RSA-2048", form).read_text().rstrip("\n")
    for end in range(len(text) - 1, 0, -97):
        check_refused(text[:end], matching="private key")
    lines = text.splitlines()
    del lines[3]
    assert "passphrase" not in check_refused("\n".join(lines), matching="private key")


# ------------------------------------------------------------- files


@needs_ssh_keygen
def test_from_file_reads_a_key_in_the_home_directory(
    keys: KeyMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D50."""
    made = keys.ssh_keygen("Ed25519")
    shutil.copy(made, tmp_path / "id_ed25519")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for path in ("~/id_ed25519", Path("~/id_ed25519")):
        verify(ssh_public_text(made), ParsedPrivateKey.from_file(path))


@needs_openssl
def test_from_file_takes_a_passphrase_and_names_the_file_in_errors(keys: KeyMaker) -> None:
    path = keys.encrypted("PKCS#8 RSA")
    assert ParsedPrivateKey.from_file(path, PASSPHRASE).kind == "RSA-2048"
    assert ParsedPrivateKey.from_file(str(path), passphrase=PASSPHRASE.encode()).kind == "RSA-2048"
    with pytest.raises(InvalidKeyError, match=r"PKCS_8_RSA_encrypted: the private key is encrypted"):
        ParsedPrivateKey.from_file(path)
    with pytest.raises(InvalidKeyError, match=r"PKCS_8_RSA_encrypted: .*wrong passphrase") as caught:
        ParsedPrivateKey.from_file(path, "wrong")
    shown = "".join(traceback.format_exception(caught.value))
    assert path.read_text().splitlines()[1] not in shown


@pytest.mark.parametrize("path", ["none/id_none", "~nobody-of-that-name/.ssh/id_none"])
def test_a_missing_file_is_a_file_not_found_error(path: str) -> None:
    with pytest.raises(FileNotFoundError, match="id_none"):
        ParsedPrivateKey.from_file(path)


def test_a_directory_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=tmp_path.name):
        ParsedPrivateKey.from_file(tmp_path)


def test_a_file_that_no_key_fills_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(InvalidArgumentError, match="log has more than 1048576 bytes; check"):
        ParsedPrivateKey.from_file(path)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@needs_ssh_keygen
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601, 0o600, 0o400, 0o700])
def test_a_key_file_that_others_can_access_is_logged(
    mode: int, keys: KeyMaker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """D53."""
    path = tmp_path / "my key"
    shutil.copy(keys.ssh_keygen("Ed25519"), path)
    path.chmod(mode)
    caplog.set_level(logging.INFO, "pie_client.auth.keys")
    ParsedPrivateKey.from_file(path)
    warning = (
        f"the private key '{path}' is accessible by other users (mode {mode:03o}); run chmod 600 '{path}'"
    )
    assert caplog.messages == ([warning] if mode & 0o077 else [])
