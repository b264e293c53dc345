"""Private keys in each format that the guide lists."""

import subprocess
from pathlib import Path

import pytest

from pie_client import (
    Family,
    InvalidKeyError,
    ParsedPrivateKey,
    PieClient,
)
from pie_client.testing import LocalEngine
from tests.guide.helpers import only_0_4
from tests.support.tools import need


async def test_a_key_can_be_loaded_from_a_file_or_parsed_from_text(guarded: LocalEngine, home: Path) -> None:
    key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")
    async with PieClient(guarded.uri) as client:
        await client.authenticate("alice", key)
    with open(home / ".ssh/id_ed25519") as f:  # noqa: ASYNC230, PTH123 - as users type it
        key = ParsedPrivateKey.parse(f.read())
    async with PieClient(guarded.uri) as client:
        await client.authenticate("alice", key)


GENPKEY = "openssl genpkey -out {out} -algorithm"
FORMATS = {
    "OpenSSH RSA": ("OPENSSH", "ssh-keygen -q -t rsa -b 2048 -N= -f {out}"),
    "OpenSSH Ed25519": ("OPENSSH", "ssh-keygen -q -t ed25519 -N= -f {out}"),
    "OpenSSH ECDSA P-256": ("OPENSSH", "ssh-keygen -q -t ecdsa -b 256 -N= -f {out}"),
    "OpenSSH ECDSA P-384": ("OPENSSH", "ssh-keygen -q -t ecdsa -b 384 -N= -f {out}"),
    "PKCS#8 RSA": ("", f"{GENPKEY} RSA -pkeyopt rsa_keygen_bits:2048"),
    "PKCS#8 Ed25519": ("", f"{GENPKEY} ED25519"),
    "PKCS#8 ECDSA P-256": ("", f"{GENPKEY} EC -pkeyopt ec_paramgen_curve:P-256"),
    "PKCS#8 ECDSA P-384": ("", f"{GENPKEY} EC -pkeyopt ec_paramgen_curve:P-384"),
    "PKCS#1 RSA": ("RSA", "openssl genrsa -traditional -out {out} 2048"),
}
"""By format: the word in the file's first line, and a command that creates such a key."""
REFUSED = {
    "RSA of 1024 bits": "openssl genrsa -traditional -out {out} 1024",
    "ECDSA P-521": f"{GENPKEY} EC -pkeyopt ec_paramgen_curve:P-521",
}


def make_key(command: str, path: Path) -> None:
    """Create a key without a passphrase."""
    words = [
        part
        for word in command.format(out=path).split()
        for part in (["-N", ""] if word == "-N=" else [word])
    ]
    need(words[0])
    run(*words)
    path.chmod(0o600)


def run(*command: str) -> None:
    """Run a command; raise if it fails."""
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - commands of this file


@only_0_4
@pytest.mark.parametrize("form", FORMATS)
async def test_a_key_of_each_format_authenticates(form: str, family: Family, tmp_path: Path) -> None:
    word, command = FORMATS[form]
    path = tmp_path / "key"
    make_key(command, path)
    assert path.read_text().startswith(f"-----BEGIN {word} PRIVATE KEY-----".replace("  ", " "))
    public = path.with_suffix(".pub")
    if not public.exists():
        pubout = ["openssl", "pkey", "-in", str(path), "-pubout", "-out", str(public)]
        run(*pubout)
    async with LocalEngine(family=family, auth={"alice": [public.read_text()]}) as engine:
        for key in (ParsedPrivateKey.from_file(str(path)), ParsedPrivateKey.parse(path.read_text())):
            async with PieClient(engine.uri) as client:
                await client.authenticate("alice", key)
                await client.ping()


@pytest.mark.parametrize("form", REFUSED)
def test_loading_a_key_that_servers_reject_raises(form: str, tmp_path: Path) -> None:
    make_key(REFUSED[form], tmp_path / "key")
    with pytest.raises(InvalidKeyError, match=r"create one (with at least 2048|on P-256 or P-384)"):
        ParsedPrivateKey.from_file(tmp_path / "key")
