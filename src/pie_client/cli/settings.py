"""The settings of a command: where the server is and who connects.

A flag comes before the environment, that before the file, and that before the default. The file is that of ``pie-client
config``; where there is none, that of the published client's command is read.
"""

from __future__ import annotations

import getpass
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pie_client import PieClient
from pie_client._generated.families import DEFAULT_PORT, DEFAULT_URI, DEFAULT_USER
from pie_client.common.paths import as_path, read_regular
from pie_client.errors import InvalidArgumentError, one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import tomllib

    import platformdirs
else:
    platformdirs = LazyModule("platformdirs")
    tomllib = LazyModule("tomllib")

CONFIG_VARIABLE = "PIE_CONFIG"
PASSPHRASE_VARIABLE = "PIE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
HIDDEN = "(hidden)"
"""What is shown in place of a secret."""
CONFIG_BYTES = 1 << 20
"""Largest file of settings."""
PUBLISHED_HOME_VARIABLE = "PIE_CLI_HOME"
PUBLISHED_FILE = "cli_config.toml"
"""Where the published client's command keeps its settings: in the folder that the variable names, or in ``~/.pie``."""
PUBLISHED_SETTINGS = {"host", "port", "username", "private_key_path", "enable_auth"}
"""What is in such a file. One that has nothing else is read so wherever it is."""


@dataclass(frozen=True)
class Setting:
    """A setting.

    Attributes:
        name: Its name in the file; ``--NAME`` is its flag.
        meaning: What it is, for people.
        kind: What its value is, in the help.
        default: Its value if nobody sets it; None if there is none.
        secret: Whether its value is not shown, and has no flag, because other users see the flags of processes.
    """

    name: str
    meaning: str
    kind: str
    default: str | None = None
    secret: bool = False

    @property
    def variable(self) -> str:
        """Name of its environment variable."""
        return f"PIE_{self.name.upper()}"


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("uri", "WebSocket URI of the server", "URI", DEFAULT_URI),
        Setting("username", "user that authenticates", "USER"),
        Setting("key", "file of the private key, if the server asks for one", "FILE"),
        Setting(
            "token", "internal token of a 0.3 or 0.4 server, in place of user and key", "TOKEN", secret=True
        ),
        Setting("identity", "tenant/user or user, which 0.5 servers read", "NAME"),
        Setting("timeout", "seconds until a request is answered", "SECONDS", "60"),
        Setting("registry", "URL of a program registry", "URL"),
    )
}
"""The settings by their names."""


class Value(NamedTuple):
    """The value of a setting, and where it comes from."""

    text: str
    source: str


class ConfigFile(NamedTuple):
    """The settings of a file.

    Attributes:
        path: Its path; None for a user without a home folder.
        values: Its settings by name; none if there is no such file.
        published: Whether it is that of the published client's command.
    """

    path: Path | None
    values: Mapping[str, str]
    published: bool = False


def config_path(given: Path | None) -> Path | None:
    """Return the path of the file of settings, which need not exist; None for a user without a home folder.

    Args:
        given: The path that a flag names.
    """
    if named := given or os.environ.get(CONFIG_VARIABLE):
        return as_path(named)
    try:
        return platformdirs.user_config_path("pie-client") / "config.toml"
    except RuntimeError:
        return None


def read_config(given: Path | None) -> ConfigFile:
    """Read the file of settings, or where it does not exist, that of the published client's command.

    Raises:
        InvalidArgumentError: It can't be read, is no TOML, or has an unknown setting.
    """
    path = config_path(given)
    named = given is not None or bool(os.environ.get(CONFIG_VARIABLE))
    if path is not None and (tables := _read(path)) is not None:
        if not tables.keys() <= SETTINGS.keys() and tables.keys() <= PUBLISHED_SETTINGS:
            return ConfigFile(path, _published(tables), published=True)
        return ConfigFile(path, _own(path, tables))
    if named:
        return ConfigFile(path, {})
    return read_published() or ConfigFile(path, {})


def read_published() -> ConfigFile | None:
    """Read the file of the published client's command, or return None if there is none. Raises InvalidArgumentError."""
    home = os.environ.get(PUBLISHED_HOME_VARIABLE) or "~/.pie"
    path = Path(os.path.expanduser(home), PUBLISHED_FILE)  # noqa: PTH111 - raises nothing without a home
    tables = _read(path)
    return None if tables is None else ConfigFile(path, _published(tables), published=True)


def _read(path: Path) -> dict[str, object] | None:
    """Return the content of a file, or None if there is none."""
    try:
        return tomllib.loads(read_regular(path, CONFIG_BYTES).decode())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidArgumentError(f"can't read {path}: {error.strerror or error}") from None
    except InvalidArgumentError:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"{path} is not valid TOML: {one_line(str(error))}; correct it") from None


def _own(path: Path, tables: Mapping[str, object]) -> dict[str, str]:
    if unknown := sorted(tables.keys() - SETTINGS.keys()):
        raise InvalidArgumentError(
            f"{path}: unknown setting {one_line(unknown[0])!r}; there are {', '.join(SETTINGS)}"
        )
    for name, value in tables.items():
        if not isinstance(value, (str, int, float)):
            raise InvalidArgumentError(f'{path}: {name} is not a text; write {name} = "..."')
    return {name: str(value) for name, value in tables.items()}


def _published(tables: Mapping[str, object]) -> dict[str, str]:
    """Return the settings that the published client's file has, in our names. A key that does not exist is left out."""
    found: dict[str, str] = {}
    if isinstance(host := tables.get("host"), str):
        bracketed = f"[{host}]" if ":" in host else host
        found["uri"] = f"{DEFAULT_URI.partition('://')[0]}://{bracketed}:{tables.get('port', DEFAULT_PORT)}"
    if isinstance(username := tables.get("username"), str):
        found["username"] = username
    key = tables.get("private_key_path")
    # That command names a key although the server needs none and the file does not exist.
    if isinstance(key, str) and tables.get("enable_auth") and os.path.exists(os.path.expanduser(key)):  # noqa: PTH110, PTH111 - raise nothing without a home
        found["key"] = key
    return found


def shown(name: str, value: str) -> str:
    """Return the value of a setting without secrets, which URLs may have too."""
    if SETTINGS[name].secret:
        return HIDDEN
    if name not in ("uri", "registry"):
        return value
    try:
        parts = urlsplit(value)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:  # it can't be one
        return HIDDEN


def check(name: str, value: Value) -> None:
    """Raise InvalidArgumentError if a value can't be that of a setting."""
    if not value.text:
        raise InvalidArgumentError(f"{value.source}: the value is empty; leave it out")
    if name == "timeout":
        seconds_of(value)
    elif name in ("uri", "identity"):
        try:
            PieClient(value.text) if name == "uri" else PieClient(DEFAULT_URI, identity=value.text)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{value.source}: {error}") from None


def seconds_of(value: Value) -> float:
    """Return a number of seconds, which may be infinite. Raises InvalidArgumentError."""
    try:
        seconds = float(value.text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise InvalidArgumentError(
            f"{value.source}: {one_line(value.text)!r} is not a number of seconds; write one above 0, or inf"
        )
    return seconds


def resolve(flags: Mapping[str, str | None], config: Path | None = None) -> dict[str, Value]:
    """Return the value of each setting that has one.

    Args:
        flags: What the flags set, by the names of the settings; None if a flag was not given.
        config: Path of the file that a flag names.

    Raises:
        InvalidArgumentError: The file can't be used.
    """
    file = read_config(config)
    if config is not None and file.path is not None and not file.path.exists():
        raise InvalidArgumentError(
            f"{config} does not exist; write it with: pie-client config init --config {config}"
        )
    where = f"{file.path} of the published client" if file.published else str(file.path)
    found: dict[str, Value] = {}
    for name, setting in SETTINGS.items():
        if flag := flags.get(name):
            found[name] = Value(flag, f"--{name}")
        elif variable := os.environ.get(setting.variable):
            found[name] = Value(variable, setting.variable)
        elif name in file.values:
            found[name] = Value(file.values[name], where)
        elif setting.default is not None:
            found[name] = Value(setting.default, "default")
    if "username" not in found:
        found["username"] = Value(_login_name(), "default")
    return found


def _login_name() -> str:
    """Return the name of the user who runs the command, or that of any client where it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return DEFAULT_USER
