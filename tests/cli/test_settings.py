"""Where the settings of the command come from."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.support.keys import ed25519_key


def test_settings_of_the_published_client_are_taken_over(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIE_CLI_HOME", str(tmp_path))
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.delenv("PIE_URI", raising=False)
    old = tmp_path / "cli_config.toml"
    old.write_text('host = "::1"\nport = 5\nusername = "ada"\nenable_auth = false\n')
    _, named, _ = run(capsys, "config", "show", "--json", "--config", str(old))
    assert run(capsys, "config", "init")[0] == 0
    old.unlink()
    _, written, _ = run(capsys, "config", "show", "--json")
    for out in (named, written):
        assert [json.loads(out)[name]["value"] for name in ("uri", "username")] == ["ws://[::1]:5", "ada"]


def test_a_setting_comes_from_the_flag_then_the_environment_then_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIE_URI", raising=False)
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("PIE_CLI_HOME", str(tmp_path))
    assert run(capsys, "config", "init")[0] == 0
    assert run(capsys, "config", "init")[0] == 2
    for name, value in (("uri", "ws://127.0.0.1:2"), ("token", "a secret")):
        assert run(capsys, "config", "set", name, value)[0] == 0

    assert run(capsys, "config", "set", "timeout", "5")[0] == 0
    assert run(capsys, "config", "set", "timeout")[1].startswith("timeout removed in ")

    assert (tmp_path / "config.toml").stat().st_mode & 0o077 == 0 or os.name != "posix"

    def sources() -> object:
        return json.loads(run(capsys, "config", "show", "--json")[1])

    shown = sources()
    assert isinstance(shown, dict)
    assert shown["uri"] == {"value": "ws://127.0.0.1:2", "source": str(tmp_path / "config.toml")}
    assert shown["token"]["value"] == "(hidden)"
    assert shown["timeout"] == {"value": "60", "source": "default"}
    monkeypatch.setenv("PIE_URI", "ws://user:secret@127.0.0.1:3/a?token=secret")
    assert "ws://127.0.0.1:3/a " in run(capsys, "config", "show")[1]
    monkeypatch.setenv("PIE_URI", "ws://127.0.0.1:3")
    assert "127.0.0.1:3" in run(capsys, "ping")[2]
    assert "127.0.0.1:4" in run(capsys, "ping", "--uri", "ws://127.0.0.1:4")[2]


@pytest.mark.parametrize("asked", [True, False])
def test_a_key_of_the_published_client_is_used_if_it_asks_for_one(
    asked: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = ed25519_key(tmp_path)
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "cli_config.toml"))
    (tmp_path / "cli_config.toml").write_text(
        f'host = "a"\nenable_auth = {json.dumps(asked)}\nprivate_key_path = {json.dumps(str(key))}\n'
    )
    shown = json.loads(run(capsys, "config", "show", "--json")[1])
    assert shown.get("key", {}).get("value") == (str(key) if asked else None)


def test_a_file_that_a_flag_names_has_to_exist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    status, _, err = run(capsys, "config", "show", "--config", str(file))
    assert status == 2
    assert err == (
        f"pie-client: {file} does not exist; write it with: pie-client config init --config {file}\n"
    )


@pytest.mark.parametrize(
    ("name", "wrong"), [("uri", "a"), ("key", "/nowhere/key"), ("identity", "a\nb"), ("timeout", "a")]
)
def test_an_error_of_a_setting_names_the_flag_the_variable_or_the_file_that_it_comes_from(
    name: str, wrong: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"{name} = {json.dumps(wrong)}\n")
    monkeypatch.setenv("PIE_CONFIG", str(file))
    assert run(capsys, "ping")[2].startswith(f"pie-client: {file}: ")
    monkeypatch.setenv(f"PIE_{name.upper()}", wrong)
    assert run(capsys, "ping")[2].startswith(f"pie-client: PIE_{name.upper()}: ")
    assert run(capsys, "ping", f"--{name}", wrong)[2].startswith(f"pie-client: --{name}: ")


def test_a_registry_comes_from_the_flag_then_the_environment_then_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text('registry = "http://127.0.0.1:1"\n')
    assert "http://127.0.0.1:1 can't be reached" in run(capsys, "resolve", "a")[2]
    monkeypatch.setenv("PIE_REGISTRY", "http://127.0.0.1:2")
    assert "http://127.0.0.1:2 can't be reached" in run(capsys, "resolve", "a")[2]
    assert "http://127.0.0.1:3 can't" in run(capsys, "resolve", "a", "--registry", "http://127.0.0.1:3")[2]


@pytest.mark.skipif(sys.platform == "win32", reason="Unix has users without names")
def test_a_user_without_a_name_has_that_of_any_client(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "none.toml"))
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME", "PIE_USERNAME"):
        monkeypatch.delenv(variable, raising=False)

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    shown = json.loads(run(capsys, "config", "show", "--json")[1])
    assert shown["username"] == {"value": "pie-client", "source": "default"}


@pytest.mark.skipif(sys.platform == "win32", reason="its agents have one fixed name")
def test_an_agent_that_does_not_run_is_status_4(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    status, _, err = run(capsys, "ping", "--key", "agent")
    assert status == 4
    assert err == "pie-client: no ssh-agent: SSH_AUTH_SOCK is not set; start one with eval $(ssh-agent)\n"
