"""Private keys, made by the tools that users make them with."""

import logging
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
    load_ssh_public_key,
)

from pie_client import InvalidArgumentError, InvalidKeyError, ParsedPrivateKey, PieClient, PieError
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
"""By kind of key, how OpenSSH makes it."""

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
"""By kind of key and ssh-keygen's format, what its first line says."""

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
    "SEC1 with a block of parameters": (
        "ECDSA secp384r1",
        "openssl ecparam -name secp384r1 -genkey -out {out}",
    ),
}
"""By container, the kind of key and how OpenSSL makes it."""

OPENSSL_ENCRYPTED = {
    "PKCS#8 RSA": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout {secret}",
    "PKCS#8 Ed25519": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout {secret}",
    "PKCS#8 P-256": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout {secret}",
    "PKCS#8 P-384": "openssl pkcs8 -topk8 -in {plain} -out {out} -passout {secret}",
    "PKCS#1": "openssl rsa -in {plain} -traditional -aes256 -out {out} -passout {secret}",
    "SEC1": "openssl ec -in {plain} -aes256 -out {out} -passout {secret}",
}
"""By container, how OpenSSL encrypts it."""

CHANGES: dict[str, Callable[[str], str]] = {
    "CRLF line ends": lambda text: text.replace("\n", "\r\n"),
    "blank lines around it": lambda text: f"\n \t\r\n{text}\n\n",
    "indented": lambda text: "".join(f"    {line}\n" for line in text.splitlines()),
    "byte order mark": lambda text: f"\ufeff{text}",
    "text before it": lambda text: f"Bag Attributes\n    friendlyName: laptop\n{text}",
    "no newline at the end": lambda text: text.rstrip("\n"),
}
"""What editors and exports do to the file of a key."""


class Workshop:
    """Makes each key once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ssh_keygen(self, kind: str, form: str = "RFC4716", passphrase: str = "") -> Path:
        """Make a key with ssh-keygen, whose own format has that odd name; its public half lies beside it."""
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
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Where keys are made."""
    return Workshop(tmp_path_factory.mktemp("keys"))


def run(*command: str) -> bytes:
    """Run a tool and give what it prints."""
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - commands of this file


def public_half(private: Path, passphrase: str = "") -> object:
    """Ask OpenSSL for the public half of a PEM key."""
    return load_pem_public_key(
        run("openssl", "pkey", "-in", str(private), "-passin", f"pass:{passphrase}", "-pubout")
    )


def ssh_public_half(private: Path) -> object:
    """Read the public half that ssh-keygen laid beside a key."""
    return load_ssh_public_key(private.with_name(f"{private.name}.pub").read_bytes())


def verify(public: object, key: ParsedPrivateKey) -> None:
    """Check a signature as servers do; raises InvalidSignature."""
    signature = key.sign(CHALLENGE)
    match public:
        case ed25519.Ed25519PublicKey():
            public.verify(signature, CHALLENGE)
        case rsa.RSAPublicKey():
            public.verify(signature, CHALLENGE, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePublicKey():
            digest = SHA384() if isinstance(public.curve, ec.SECP384R1) else SHA256()
            public.verify(signature, CHALLENGE, ec.ECDSA(digest))
        case _:
            pytest.fail(f"no signature can be checked with {public!r}")


def refusal(text: str | bytes, passphrase: str | bytes | None = None, *, matching: str) -> InvalidKeyError:
    """Parse what has to be refused, in one line that says what to do and shows nothing of the key or passphrase."""
    with pytest.raises(InvalidKeyError, match=matching) as caught:
        ParsedPrivateKey.parse(text, passphrase)
    check_refusal(caught.value, text, passphrase)
    return caught.value


def check_refusal(error: InvalidKeyError, text: str | bytes, passphrase: str | bytes | None = None) -> None:
    assert isinstance(error, PieError)
    assert isinstance(error, InvalidArgumentError)
    assert isinstance(error, ValueError)
    message = str(error)
    assert "\n" not in message
    assert "; " in message, "it says what to do"
    shown = "".join(traceback.format_exception(error))
    for line in as_text(text).splitlines():
        words = line.strip()
        if len(words) > 8 and not words.startswith("---"):
            assert words not in shown
    assert PASSPHRASE not in shown
    assert not passphrase or as_text(passphrase) not in shown


def as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


# ------------------------------------------------------------- what is taken


@needs_ssh_keygen
@pytest.mark.parametrize("kind", SSH_KEYGEN)
def test_a_key_as_ssh_keygen_makes_it_is_taken_and_signs(kind: str, workshop: Workshop) -> None:
    path = workshop.ssh_keygen(kind)
    assert "BEGIN OPENSSH PRIVATE KEY" in path.read_text()
    key = ParsedPrivateKey.parse(path.read_text())
    assert key.kind == kind
    verify(ssh_public_half(path), key)


@needs_ssh_keygen
@pytest.mark.parametrize(("kind", "form"), SSH_KEYGEN_PEM)
def test_a_key_that_ssh_keygen_wrote_as_pem_is_taken_and_signs(
    kind: str, form: str, workshop: Workshop
) -> None:
    path = workshop.ssh_keygen(kind, form)
    assert SSH_KEYGEN_PEM[kind, form] in path.read_text().splitlines()[0]
    key = ParsedPrivateKey.parse(path.read_text())
    assert key.kind == kind
    verify(ssh_public_half(path), key)


@needs_openssl
@pytest.mark.parametrize("container", OPENSSL)
def test_a_key_in_each_of_openssls_containers_is_taken_and_signs(container: str, workshop: Workshop) -> None:
    path = workshop.openssl(container)
    key = ParsedPrivateKey.parse(path.read_text())
    assert key.kind == OPENSSL[container][0]
    verify(public_half(path), key)


@needs_openssl
def test_an_ec_key_is_taken_with_and_without_a_block_of_parameters_before_it(workshop: Workshop) -> None:
    text = workshop.openssl("SEC1 with a block of parameters").read_text()
    parameters, mark, rest = text.partition("-----BEGIN EC PRIVATE KEY-----")
    assert "-----BEGIN EC PARAMETERS-----" in parameters
    whole, bare = ParsedPrivateKey.parse(text), ParsedPrivateKey.parse(mark + rest)
    assert whole.kind == bare.kind == "ECDSA secp384r1"


@needs_ssh_keygen
@pytest.mark.parametrize("kind", ["Ed25519", "RSA-2048"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_what_editors_and_exports_do_to_a_key_file_is_forgiven(
    kind: str, change: str, as_bytes: bool, workshop: Workshop
) -> None:
    path = workshop.ssh_keygen(kind) if kind == "Ed25519" else workshop.ssh_keygen(kind, "PEM")
    text = CHANGES[change](path.read_text())
    key = ParsedPrivateKey.parse(text.encode() if as_bytes else text)
    verify(ssh_public_half(path), key)


def test_a_signature_is_that_of_the_challenge_given() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = ParsedPrivateKey.parse(text)
    private.public_key().verify(key.sign(b"one"), b"one")
    assert key.sign(b"one") != key.sign(b"two")


# ------------------------------------------------------------- passphrases


@needs_openssl
@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("container", OPENSSL_ENCRYPTED)
def test_the_right_passphrase_opens_a_pem_key(container: str, as_bytes: bool, workshop: Workshop) -> None:
    """D52."""
    path = workshop.encrypted(container)
    assert "ENCRYPTED" in path.read_text()
    key = ParsedPrivateKey.parse(path.read_text(), PASSPHRASE.encode() if as_bytes else PASSPHRASE)
    verify(public_half(path, PASSPHRASE), key)


@needs_ssh_keygen
@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("kind", ["RSA-2048", "Ed25519", "ECDSA secp256r1", "ECDSA secp384r1"])
def test_the_right_passphrase_opens_an_openssh_key(kind: str, as_bytes: bool, workshop: Workshop) -> None:
    """D52."""
    path = workshop.ssh_keygen(kind, passphrase=PASSPHRASE)
    key = ParsedPrivateKey.parse(path.read_text(), PASSPHRASE.encode() if as_bytes else PASSPHRASE)
    verify(ssh_public_half(path), key)


@needs_ssh_keygen
@pytest.mark.parametrize(("kind", "form"), SSH_KEYGEN_PEM)
def test_the_right_passphrase_opens_a_key_that_ssh_keygen_wrote_as_pem(
    kind: str, form: str, workshop: Workshop
) -> None:
    """D52."""
    path = workshop.ssh_keygen(kind, form, PASSPHRASE)
    assert "ENCRYPTED" in path.read_text()
    verify(ssh_public_half(path), ParsedPrivateKey.parse(path.read_text(), PASSPHRASE))


@needs_ssh_keygen
def test_an_encrypted_openssh_key_without_bcrypt_is_refused_saying_how_to_open_it(workshop: Workshop) -> None:
    """D52."""
    path = workshop.ssh_keygen("Ed25519", passphrase=PASSPHRASE)
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
    said = run(sys.executable, "-X", "utf8", "-c", script).decode()
    assert "bcrypt" in said
    assert "ssh-keygen -p" in said, "it says how to do without"
    assert said.count("\n") == 1
    assert PASSPHRASE not in said


@needs_openssl
@pytest.mark.parametrize("wrong", ["Pssst", b"Pssst", PASSPHRASE.upper(), PASSPHRASE + " "])
@pytest.mark.parametrize("container", OPENSSL_ENCRYPTED)
def test_a_wrong_passphrase_is_refused(container: str, wrong: str | bytes, workshop: Workshop) -> None:
    text = workshop.encrypted(container).read_text()
    refusal(text, wrong, matching="passphrase is wrong, or the key is damaged")


@needs_ssh_keygen
@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-gcm@openssh.com"])
def test_a_wrong_passphrase_of_an_openssh_key_is_refused(cipher: str, workshop: Workshop) -> None:
    path = workshop.make(
        cipher,
        lambda out: ["ssh-keygen", "-q", "-t", "ed25519", "-Z", cipher, "-N", PASSPHRASE, "-f", out],
    )
    assert ParsedPrivateKey.from_file(path, PASSPHRASE).kind == "Ed25519"
    refusal(path.read_text(), "Pssst", matching="passphrase is wrong, or the key is damaged")


@needs_openssl
@pytest.mark.parametrize("missing", [None, "", b""])
@pytest.mark.parametrize("container", OPENSSL_ENCRYPTED)
def test_an_encrypted_key_without_a_passphrase_is_refused(
    container: str, missing: str | bytes | None, workshop: Workshop
) -> None:
    text = workshop.encrypted(container).read_text()
    refusal(text, missing, matching="is encrypted; pass passphrase=")


@needs_ssh_keygen
@pytest.mark.parametrize("missing", [None, "", b""])
def test_an_encrypted_openssh_key_without_a_passphrase_is_refused(
    missing: str | bytes | None, workshop: Workshop
) -> None:
    text = workshop.ssh_keygen("Ed25519", passphrase=PASSPHRASE).read_text()
    refusal(text, missing, matching="is encrypted; pass passphrase=")


@needs_openssl
@pytest.mark.parametrize("passphrase", [PASSPHRASE, PASSPHRASE.encode()])
@pytest.mark.parametrize("container", OPENSSL)
def test_a_passphrase_for_a_key_that_has_none_is_refused(
    container: str, passphrase: str | bytes, workshop: Workshop
) -> None:
    text = workshop.openssl(container).read_text()
    refusal(text, passphrase, matching="is not encrypted; leave passphrase out")


@needs_ssh_keygen
def test_a_passphrase_for_an_openssh_key_that_has_none_is_refused(workshop: Workshop) -> None:
    text = workshop.ssh_keygen("Ed25519").read_text()
    refusal(text, PASSPHRASE, matching="is not encrypted; leave passphrase out")


@needs_openssl
@needs_ssh_keygen
def test_an_empty_passphrase_counts_as_none(workshop: Workshop) -> None:
    assert ParsedPrivateKey.parse(workshop.openssl("SEC1").read_text(), "").kind == "ECDSA secp256r1"
    assert ParsedPrivateKey.parse(workshop.ssh_keygen("Ed25519").read_text(), b"").kind == "Ed25519"


# ------------------------------------------------------------- what is refused


@needs_ssh_keygen
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
def test_an_rsa_key_under_2048_bits_is_refused_saying_so(form: str, workshop: Workshop) -> None:
    """D51."""
    path = workshop.make(
        f"RSA-1024 {form}",
        lambda out: ["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-m", form, "-N", "", "-f", out],
    )
    refusal(path.read_text(), matching=r"has 1024 bits, servers accept 2048 and more; make a new one")


@needs_ssh_keygen
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
def test_a_p_521_key_is_refused_saying_which_curves_are_accepted(form: str, workshop: Workshop) -> None:
    """D51."""
    path = workshop.make(
        f"P-521 {form}",
        lambda out: ["ssh-keygen", "-q", "-t", "ecdsa", "-b", "521", "-m", form, "-N", "", "-f", out],
    )
    refusal(path.read_text(), matching=r"secp521r1, servers accept P-256 and P-384; make a new one")


@needs_openssl
@pytest.mark.parametrize("curve", ["secp256k1", "sect283r1"])
def test_a_key_on_another_curve_is_refused_saying_which_are_accepted(curve: str, workshop: Workshop) -> None:
    path = workshop.make(
        curve, lambda out: ["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", out]
    )
    refusal(path.read_text(), matching="P-256")


@needs_openssl
@pytest.mark.parametrize("kind", ["Ed448", "X25519", "X448"])
def test_another_kind_of_edwards_key_is_refused_naming_it(kind: str, workshop: Workshop) -> None:
    path = workshop.make(kind, lambda out: ["openssl", "genpkey", "-algorithm", kind, "-out", out])
    refusal(path.read_text(), matching=f"{kind} keys are not accepted by servers; use RSA, Ed25519")


@needs_openssl
def test_a_dsa_key_is_refused_naming_it(workshop: Workshop) -> None:
    path = workshop.make("DSA", lambda out: ["openssl", "dsaparam", "-genkey", "-noout", "-out", out, "1024"])
    refusal(path.read_text(), matching="DSA keys are not accepted by servers; use RSA, Ed25519")


@needs_openssl
@needs_ssh_keygen
@pytest.mark.parametrize("form", ["OpenSSH", "RFC4716", "PEM", "PKCS8"])
def test_a_public_key_is_refused_asking_for_the_private_half(form: str, workshop: Workshop) -> None:
    public = workshop.ssh_keygen("RSA-2048").with_name("RSA_2048_RFC4716_plain.pub")
    text = public.read_text()
    if form != "OpenSSH":
        text = run("ssh-keygen", "-e", "-m", form, "-f", str(public)).decode()
    refusal(text, matching="this is a public key; pass the private half")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "garbage",
        "~/.ssh/id_ed25519",
        "-----BEGIN",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n!!!!!!!!!!!!\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nbm90IGEga2V5\n-----END CERTIFICATE-----",
        "\udc80\udcff half of a surrogate",
        b"",
        b"\x00\x01\x02\xff",
        b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70",
    ],
    ids=repr,
)
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_what_is_no_key_is_refused(text: str | bytes, passphrase: str | None) -> None:
    refusal(text, passphrase, matching="private key")


def test_a_path_given_for_a_key_is_refused_naming_the_method_that_takes_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeyError, match="from_file"):
        ParsedPrivateKey.parse("~/.ssh/id_ed25519")
    with pytest.raises(InvalidKeyError, match="from_file"):
        ParsedPrivateKey.parse(tmp_path)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake


@pytest.mark.parametrize("wrong", [None, 5, ["-----BEGIN"]])
def test_what_is_neither_text_nor_bytes_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidKeyError, match="from_file"):
        ParsedPrivateKey.parse(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake


@needs_openssl
@pytest.mark.parametrize("wrong", [5, [PASSPHRASE]])
def test_a_passphrase_that_is_neither_text_nor_bytes_is_refused(wrong: object, workshop: Workshop) -> None:
    text = workshop.encrypted("SEC1").read_text()
    with pytest.raises(InvalidKeyError, match="a passphrase is text or bytes") as caught:
        ParsedPrivateKey.parse(text, wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
    check_refusal(caught.value, text)


@needs_ssh_keygen
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
def test_a_key_is_refused_wherever_it_was_cut_off(form: str, workshop: Workshop) -> None:
    text = workshop.ssh_keygen("RSA-2048", form).read_text().rstrip("\n")
    for end in range(len(text) - 1, 0, -97):
        refusal(text[:end], matching="private key")


@needs_ssh_keygen
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
def test_a_damaged_key_is_refused_without_asking_for_a_passphrase(form: str, workshop: Workshop) -> None:
    lines = workshop.ssh_keygen("RSA-2048", form).read_text().splitlines()
    del lines[3]
    error = refusal("\n".join(lines), matching="private key")
    assert "passphrase" not in str(error)


# ------------------------------------------------------------- files


@needs_ssh_keygen
@pytest.mark.parametrize("as_text", [False, True])
def test_from_file_reads_a_key_below_the_home_folder(
    as_text: bool, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D50."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    made = workshop.ssh_keygen("Ed25519")
    shutil.copy(made, home / ".ssh" / "id_ed25519")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    path = "~/.ssh/id_ed25519"
    verify(ssh_public_half(made), ParsedPrivateKey.from_file(path if as_text else Path(path)))


@needs_openssl
def test_from_file_takes_a_passphrase(workshop: Workshop) -> None:
    path = workshop.encrypted("PKCS#8 RSA")
    assert ParsedPrivateKey.from_file(path, PASSPHRASE).kind == "RSA-2048"
    assert ParsedPrivateKey.from_file(str(path), passphrase=PASSPHRASE.encode()).kind == "RSA-2048"


@needs_openssl
def test_a_refused_file_is_named(workshop: Workshop) -> None:
    path = workshop.encrypted("PKCS#8 RSA")
    with pytest.raises(
        InvalidKeyError, match=r"PKCS_8_RSA_encrypted: the private key is encrypted"
    ) as caught:
        ParsedPrivateKey.from_file(path)
    check_refusal(caught.value, path.read_text())
    with pytest.raises(InvalidKeyError, match=r"PKCS_8_RSA_encrypted: .*passphrase is wrong") as caught:
        ParsedPrivateKey.from_file(path, "wrong")
    check_refusal(caught.value, path.read_text())


def test_a_missing_file_is_a_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="id_none"):
        ParsedPrivateKey.from_file(tmp_path / "id_none")


def test_a_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=tmp_path.name):
        ParsedPrivateKey.from_file(tmp_path)


def test_a_home_folder_that_does_not_exist_is_a_file_not_found_error() -> None:
    with pytest.raises(FileNotFoundError, match="~nobody-of-that-name"):
        ParsedPrivateKey.from_file("~nobody-of-that-name/.ssh/id_ed25519")


POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")


def warnings_of(path: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Read a key file and give what that logs."""
    caplog.clear()
    ParsedPrivateKey.from_file(path)
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "pie_client.auth.keys" and record.levelno == logging.WARNING
    ]


@POSIX
@needs_ssh_keygen
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o666, 0o777])
def test_a_key_file_that_others_can_use_is_warned_of(
    mode: int, workshop: Workshop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """D53."""
    path = tmp_path / "my key"
    shutil.copy(workshop.ssh_keygen("Ed25519"), path)
    path.chmod(mode)
    assert warnings_of(path, caplog) == [
        f"the private key '{path}' can be used by others (mode {mode:03o}); run chmod 600 '{path}'"
    ]


@POSIX
@needs_ssh_keygen
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_file_that_only_its_owner_can_use_is_not_warned_of(
    mode: int, workshop: Workshop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """D53."""
    path = tmp_path / "id_ed25519"
    shutil.copy(workshop.ssh_keygen("Ed25519"), path)
    path.chmod(mode)
    assert warnings_of(path, caplog) == []


# ------------------------------------------------------------- on a server


async def authenticate(key: ParsedPrivateKey, public: str) -> None:
    """Prove oneself to a server that knows the public half of a key, and use it."""
    engine = LocalEngine(family="0.4", auth={"alice": [public]})
    async with engine, PieClient(engine.uri, timeout=20) as client:
        await client.authenticate("alice", key)
        assert client.server is not None
        assert client.server.username == "alice"
        await client.ping()


@needs_ssh_keygen
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["plain", "encrypted"])
@pytest.mark.parametrize(("kind", "form"), [*((kind, "RFC4716") for kind in SSH_KEYGEN), *SSH_KEYGEN_PEM])
async def test_a_key_of_ssh_keygen_authenticates(
    kind: str, form: str, passphrase: str, workshop: Workshop
) -> None:
    path = workshop.ssh_keygen(kind, form, passphrase)
    key = ParsedPrivateKey.from_file(path, passphrase or None)
    await authenticate(key, path.with_name(f"{path.name}.pub").read_text(encoding="utf-8"))


@needs_openssl
@pytest.mark.parametrize("container", OPENSSL)
async def test_a_key_of_openssl_authenticates(container: str, workshop: Workshop) -> None:
    path = workshop.openssl(container)
    public = run("openssl", "pkey", "-in", str(path), "-pubout").decode()
    await authenticate(ParsedPrivateKey.from_file(path), public)


@needs_openssl
@pytest.mark.parametrize("container", OPENSSL_ENCRYPTED)
async def test_a_key_that_openssl_encrypted_authenticates(container: str, workshop: Workshop) -> None:
    """D52."""
    path = workshop.encrypted(container)
    secret = f"pass:{PASSPHRASE}"
    public = run("openssl", "pkey", "-in", str(path), "-passin", secret, "-pubout").decode()
    await authenticate(ParsedPrivateKey.from_file(path, PASSPHRASE), public)


# ------------------------------------------------------------- secrecy


@needs_ssh_keygen
@pytest.mark.parametrize("kind", SSH_KEYGEN)
def test_a_key_shows_its_kind_and_nothing_else(kind: str, workshop: Workshop) -> None:
    text = workshop.ssh_keygen(kind).read_text()
    key = ParsedPrivateKey.parse(text)
    assert repr(key) == str(key) == f"{key}" == f"<ParsedPrivateKey {kind}>"
