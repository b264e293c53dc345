"""What objects of the client show of secrets, and where these can go."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from pie_client import ParsedPrivateKey, PieClient
from pie_client.testing import LocalEngine
from tests.support.keys import ed25519_key

SECRETS = ("hunter1", "hunter2", "hunter3")
PASSWORD, HEADER, TOKEN = SECRETS


def check(*shown: object) -> None:
    """Check that neither an object nor its attributes show a secret."""
    for value in shown:
        for text in (repr(value), str(value), f"{value}", repr(getattr(value, "__dict__", None))):
            assert not any(secret in text for secret in SECRETS)


async def test_objects_show_no_secrets(tmp_path: Path) -> None:
    path, public = ed25519_key(tmp_path)
    key = ParsedPrivateKey.from_file(path)
    secret = path.read_text(encoding="utf-8").splitlines()[2]
    async with LocalEngine(family="0.4", auth={"alice": [public]}, builtins=True) as engine:
        frames: list[str] = []
        engine.observe(lambda frame: frames.append(repr(frame)))
        uri = engine.uri.replace("ws://", f"ws://user:{PASSWORD}@")
        client = PieClient(f"{uri}/{HEADER}?{HEADER}", headers={"Authorization": HEADER})
        check(client)
        async with client:
            await client.authenticate("alice", key)
            process = await client.launch_process("echo@1.0.0", TOKEN)
            check(client, client.server, client.state, key, process)
            await process.wait()
    assert secret not in repr(vars(key))
    assert secret not in "".join(frames)
    assert frames != []


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_is_neither_pickled_nor_copied(way: Callable[[object], object]) -> None:
    client = PieClient(f"ws://user:{PASSWORD}@127.0.0.1", headers={"Authorization": HEADER})
    with pytest.raises(TypeError, match="create one where you use it"):
        way(client)


def test_a_private_key_is_not_pickled(tmp_path: Path) -> None:
    key = ParsedPrivateKey.from_file(ed25519_key(tmp_path)[0])
    with pytest.raises(TypeError, match="load the key where you use it"):
        pickle.dumps(key)
