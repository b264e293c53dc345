"""Invalid values and combinations of LocalEngine's options are refused in one line."""

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)

from pie_client import InvalidArgumentError, ParsedPrivateKey, PieClient, RefusedError
from pie_client.testing import LocalEngine, ScriptLimits
from tests.support.peers import TIMEOUT
from tests.support.repository import ROOT

Key: TypeAlias = (
    ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey
)
WEAK_RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the engine must refuse it
WEAK_DSA = dsa.generate_private_key(1024)  # noqa: S505 - the engine must refuse it
ED25519 = ed25519.Ed25519PrivateKey.generate()


def pem(key: Key) -> str:
    text = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def line(key: Key) -> str:
    text = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return text.decode()


def private(key: Key) -> str:
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return text.decode()


def certificate() -> str:
    builder = (
        SSHCertificateBuilder()
        .public_key(ED25519.public_key())
        .serial(1)
        .key_id(b"x")
        .type(SSHCertificateType.USER)
    )
    made = builder.valid_principals([b"u"]).valid_after(0).valid_before(2**40).sign(ED25519)
    return made.public_bytes().decode()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"family": ["0.4"]}, "invalid family=['0.4']: Input should be '0.4' or '0.5'"),
        ({"family": "0.6"}, "invalid family='0.6'"),
        ({"port": 99999}, "invalid port=99999: Input should be less than or equal to 65535"),
        ({"port": -1}, "invalid port=-1"),
        ({"port": "x"}, "invalid port='x'"),
        ({"port": True}, "invalid port=True"),
        ({"max_upload_bytes": "x"}, "invalid max_upload_bytes='x'"),
        ({"max_upload_bytes": 0}, "invalid max_upload_bytes=0"),
        ({"builtins": "no"}, "invalid builtins='no': Input should be a valid boolean"),
        ({"allow_scripts": True, "script_limits": {"x": 1}}, "should be an instance of ScriptLimits"),
        (
            {"allow_scripts": True, "script_limits": ScriptLimits(cpu_seconds=0)},
            "invalid script_limits.cpu_seconds=0",
        ),
        ({"script_limits": ScriptLimits()}, "script_limits has no effect without allow_scripts=True"),
        ({"family": "0.4", "auth": "x"}, "invalid auth: Input should be a valid dictionary"),
        ({"family": "0.4", "auth": {1: []}}, "invalid auth.1"),
        ({"family": "0.4", "auth": {"u": "ssh-ed25519 x"}}, "invalid auth.u"),
        ({"family": "0.4", "auth": {"u": [b"x"]}}, "invalid auth.u.0: Input should be a valid string"),
        ({"family": "0.4", "auth": {"u": [line(ED25519), "garbage"]}}, "auth.u.1: it is not a public key"),
        ({"family": "0.4", "auth": {"u": [private(ED25519)]}}, "auth.u.0: it is a private key"),
        ({"family": "0.4", "auth": {"u": [certificate()]}}, "auth.u.0: it is a certificate"),
        (
            {"family": "0.5", "auth": {}},
            'auth has no effect with family="0.5", whose servers do not authenticate users by key',
        ),
        ({"family": "0.4", "allow_scripts": True}, 'allow_scripts has no effect with family="0.4"'),
    ],
)
def test_an_invalid_option_is_refused_in_one_line(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        LocalEngine(**options)
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("write", [pem, line])
@pytest.mark.parametrize(
    ("key", "text"),
    [
        (WEAK_RSA, "the RSA key has 1024 bits; create one with at least 2048"),
        (
            ec.generate_private_key(ec.SECP521R1()),
            "the ECDSA key is on secp521r1; create one on P-256 or P-384",
        ),
        (
            ec.generate_private_key(ec.SECP256K1()),
            "the ECDSA key is on secp256k1; create one on P-256 or P-384",
        ),
        (WEAK_DSA, "auth.u.0: it is"),
    ],
    ids=["RSA-1024", "P-521", "secp256k1", "DSA"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # cryptography deprecates old kinds of keys
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_key_that_servers_do_not_accept_is_refused(
    key: Key, text: str, write: Callable[[Key], str]
) -> None:
    try:
        written = write(key)
    except ValueError:
        pytest.skip("this kind of key has no OpenSSH line")
    with pytest.raises(InvalidArgumentError, match=text):
        LocalEngine(family="0.4", auth={"u": [written]})


def test_an_rsa_key_of_more_than_4096_bits_is_refused() -> None:
    key = rsa.RSAPublicNumbers(65537, (1 << 5119) + 1).public_key()
    written = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    with pytest.raises(InvalidArgumentError, match="the RSA key has 5120 bits; use one with at most 4096"):
        LocalEngine(family="0.4", auth={"u": [written]})


@pytest.mark.parametrize("write", [pem, line])
@pytest.mark.parametrize(
    "key",
    [
        ED25519,
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=lambda key: type(key).__name__,
)
async def test_a_user_authenticates_with_any_accepted_kind_of_key(
    key: Key, write: Callable[[Key], str]
) -> None:
    async with LocalEngine(family="0.4", auth={"u": [write(key)]}) as engine:
        async with PieClient(engine.uri, timeout=TIMEOUT) as client:
            await client.authenticate("u", ParsedPrivateKey.parse(private(key)))
            await client.ping()
        async with PieClient(engine.uri, timeout=TIMEOUT) as client:
            other = ed25519.Ed25519PrivateKey.generate()
            with pytest.raises(RefusedError, match=r"[Ss]ignature"):
                await client.authenticate("u", ParsedPrivateKey.parse(private(other)))


def test_every_limit_of_a_script_is_checked() -> None:
    for field in dataclasses.fields(ScriptLimits):
        limits = ScriptLimits(**{field.name: "x"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - untyped callers may pass anything
        with pytest.raises(InvalidArgumentError, match=f"script_limits.{field.name}='x'"):
            LocalEngine(allow_scripts=True, script_limits=limits)


def test_the_page_lists_every_option() -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    section = page.partition("\n## The engine\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert listed == list(inspect.signature(LocalEngine).parameters)
