"""The client passes the test vectors of texts, documents, keys and contents. A test has the id of its vector."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

import pie_client
from codegen.kinds import plain
from pie_client import (
    InvalidKeyError,
    ManifestError,
    ParsedPrivateKey,
    PieClient,
    ProgramNotFoundError,
    RegistryError,
    parse_manifest,
)
from pie_client._generated import methods, models, refusals
from pie_client._generated.families import FAMILY_OF_RESULT
from pie_client._generated.results import AuthIdentifyResult
from pie_client.auth.keys import sign_challenge
from pie_client.connection.contents import as_content
from pie_client.mcp import messages
from pie_client.protocol import codec
from pie_client.testing import Refusal
from pie_client.testing.engine.workflows import read_expression
from tests.protocol.vectors import Json, rows
from tests.support.peers import TIMEOUT, sends, tcp_peer

METHODS: dict[str, methods.Method[object]] = {
    method.tag: method for method in vars(methods).values() if isinstance(method, methods.Method)
}
FIND = {
    "request": refusals.request_error,
    "process": refusals.process_error,
    "connection": refusals.connection_error,
}
UNKNOWN = {"request": "RefusedError", "process": "ProcessError", "connection": "ServerError"}
"""Classes of texts that the schema does not know."""
CURVE_HASHES = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384()}


def _each(file: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(row, id=row["id"]) for row in rows(file)])


def _view(value: object) -> object:
    return plain(
        value.model_dump(by_alias=True)
        if isinstance(value, BaseModel)
        else to_jsonable_python(value, by_alias=True)
    )


@_each("results")
def test_a_result_decodes_to_its_value(vector: Json) -> None:
    decode = METHODS[vector["request"]].decode
    if "reason" in vector:
        with pytest.raises(ValueError):  # noqa: PT011 - pydantic's errors differ
            decode(vector["text"])
        return
    decoded = decode(vector["text"])
    if isinstance(decoded, AuthIdentifyResult):
        assert type(decoded).__name__ == vector["class"]
        decoded = decoded.text
    assert _view(decoded) == plain(vector["value"])


@_each("refusals")
def test_a_failure_text_has_its_error_class(vector: Json) -> None:
    found = FIND[vector["scope"]](vector["text"])
    assert found.__name__ == vector["class"] or (
        vector["class"] is None and found.__name__ == UNKNOWN[vector["scope"]]
    )
    assert getattr(pie_client, found.__name__) is found


@_each("families")
def test_a_reply_to_an_identification_tells_the_family(vector: Json) -> None:
    if vector["ok"]:
        reply = methods.AUTH_IDENTIFY.decode(vector["result"])
        assert FAMILY_OF_RESULT.get(type(reply)) == vector["family"]
    else:
        assert refusals.family_of_refusal(vector["result"]) == vector["family"]


@_each("manifests")
def test_a_manifest_is_read_or_rejected(vector: Json) -> None:
    if "reason" in vector:
        with pytest.raises(ManifestError):
            parse_manifest(vector["text"])
    else:
        assert _view(parse_manifest(vector["text"])) == plain(vector["value"])
        assert _view(parse_manifest(vector["text"].encode())) == plain(vector["value"])


@_each("workflows")
def test_a_workflow_expression_is_read_or_rejected(vector: Json) -> None:
    if "reason" in vector:
        with pytest.raises(Refusal, match="Invalid workflow JSON: "):
            read_expression(vector["text"])
    else:
        expression = read_expression(vector["text"])
        assert type(expression).__name__ == vector["class"]
        assert _view(expression) == plain(vector["value"])


@_each("registry")
async def test_the_highest_version_of_a_registry_is_found(vector: Json) -> None:
    body = vector["text"].encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    client = PieClient("ws://127.0.0.1:1", timeout=TIMEOUT)
    async with tcp_peer(sends(answer)) as address:
        if "reason" in vector:
            with pytest.raises(RegistryError):
                await client.resolve_version("echo", f"http://{address}")
        elif vector["highest"] is None:
            with pytest.raises(ProgramNotFoundError):
                await client.resolve_version("echo", f"http://{address}")
        else:
            assert await client.resolve_version("echo", f"http://{address}") == f"echo@{vector['highest']}"


@_each("mcp")
def test_an_mcp_message_is_read_or_rejected(vector: Json) -> None:
    adapter: TypeAdapter[BaseModel] = TypeAdapter(getattr(models, vector["class"]))
    if "reason" in vector:
        with pytest.raises(ValueError):  # noqa: PT011 - pydantic's errors differ
            adapter.validate_json(vector["text"], strict=True)
        return
    message = adapter.validate_json(vector["text"], strict=True)
    assert _view(message) == plain(vector["value"])
    (members,) = messages.read(vector["text"])
    assert members.keys() >= vector["value"].keys()


@_each("signatures")
async def test_a_challenge_is_signed(vector: Json) -> None:
    if "reason" in vector:
        with pytest.raises(InvalidKeyError):
            ParsedPrivateKey.parse(vector["private_key"])
        return
    signed = await sign_challenge(ParsedPrivateKey.parse(vector["private_key"]), vector["challenge"])
    if vector["deterministic"]:
        assert signed == vector["signature"]
    else:
        public = load_pem_public_key(vector["public_key"].encode())
        assert isinstance(public, ec.EllipticCurvePublicKey)
        for signature in (signed, vector["signature"]):
            challenge = base64.b64decode(vector["challenge"])
            public.verify(base64.b64decode(signature), challenge, ec.ECDSA(CURVE_HASHES[vector["algorithm"]]))


@_each("files")
async def test_a_content_has_its_digest_and_chunks(vector: Json) -> None:
    unit, size = bytes.fromhex(vector["repeat"]), vector["bytes"]
    data = (unit * (size // max(1, len(unit)) + 1))[:size]
    content = await as_content(data)
    chunks = [bytes(chunk) async for chunk in content]
    assert (content.digest, content.total_chunks) == (vector["digest"], len(vector["chunks"]))
    assert [len(chunk) for chunk in chunks] == vector["chunks"]
    assert b"".join(chunks) == data


@_each("unknown")
def test_a_message_of_an_unknown_type_is_returned(vector: Json) -> None:
    frame = vector["text"] if "text" in vector else bytes.fromhex(vector["hex"])
    decode = codec.decode_server_message if vector["from"] == "server" else codec.decode_client_message
    assert decode(frame) == codec.UnknownMessage(vector["type"], vector["fields"])
