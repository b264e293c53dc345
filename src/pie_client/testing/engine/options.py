"""The options of the embedded engine, and which values each can have."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from pie_client._generated.families import HIGHEST_PORT, NEWEST, Family
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import SERVERS, UPLOAD_BYTES, ServerTraits
from pie_client.testing.engine.keys import read_public_key
from pie_client.testing.scripts.scripts import SUPPORTED, ScriptLimits

LARGEST_NUMBER: Final = 1 << 62
"""Largest size or limit; operating systems reject larger ones."""
FLAGS: Final = ("keep_detached", "allow_scripts", "imitate_delays", "serial_accept", "builtins")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of :class:`LocalEngine`, which documents them.

    Raises:
        InvalidArgumentError: A value is invalid, or an option has no effect in the family or without another option.
    """

    family: Family = NEWEST
    auth: Mapping[str, Sequence[str]] | None = None
    port: int = 0
    keep_detached: bool = False
    allow_scripts: bool = False
    script_limits: ScriptLimits | None = None
    max_upload_bytes: int = UPLOAD_BYTES
    imitate_delays: bool = False
    serial_accept: bool = False
    builtins: bool = False

    def __post_init__(self) -> None:
        _check_family(self.family)
        for name in FLAGS:
            value: object = getattr(self, name)
            if not isinstance(value, bool):
                raise InvalidArgumentError(f"{name}={value!r} is not a bool; pass True or False")
        if not _is_number(self.port, 0, HIGHEST_PORT):
            raise InvalidArgumentError(
                f"port={self.port!r} is not a port; pass 1 to {HIGHEST_PORT}, or 0 for a free one"
            )
        if not _is_number(self.max_upload_bytes, 1, LARGEST_NUMBER):
            raise InvalidArgumentError(
                f"max_upload_bytes={self.max_upload_bytes!r} is not a size; pass a number of bytes from 1"
            )
        _check_limits(self.script_limits)
        _check_users(self.auth)
        self._check_combination()

    def _check_combination(self) -> None:
        given = [name for name in (*FLAGS, "auth") if getattr(self, name) not in (False, None)]
        if (wrong := option_without_effect(self.family, given)) is not None:
            raise InvalidArgumentError(
                f'{wrong.option} has no effect with family="{self.family}", whose servers {wrong.reason}; '
                f'pass family="{wrong.family}"'
            )
        if self.script_limits is not None and not self.allow_scripts:
            raise InvalidArgumentError("script_limits has no effect without allow_scripts=True; pass both")
        if self.allow_scripts and not SUPPORTED:
            raise InvalidArgumentError("allow_scripts=True needs a POSIX system; omit it on this one")


class OptionWithoutEffect(NamedTuple):
    """An option, why it has no effect (after "whose servers"), and a family in which it has one."""

    option: str
    reason: str
    family: Family


OPTIONS_OF_FAMILIES: Final[tuple[tuple[str, Callable[[ServerTraits], bool], str], ...]] = (
    ("auth", lambda traits: traits.identify_first, "do not authenticate users by key"),
    ("imitate_delays", lambda traits: traits.serial, "do not delay clients"),
    ("serial_accept", lambda traits: traits.serial, "do not delay clients"),
    ("allow_scripts", lambda traits: traits.runs_scripts, "run no scripts"),
)
"""Options that depend on the family: in which it has an effect, and why it has none in others."""


def option_without_effect(family: Family, given: Collection[str]) -> OptionWithoutEffect | None:
    """Return the first of the given options that has no effect in a family, or None."""
    for option, has_effect, reason in OPTIONS_OF_FAMILIES:
        if option in given and not has_effect(SERVERS[family]):
            other: Family = next(name for name, traits in SERVERS.items() if has_effect(traits))
            return OptionWithoutEffect(option, reason, other)
    return None


def _check_family(family: object) -> None:
    if not isinstance(family, str) or family not in SERVERS:
        raise InvalidArgumentError(
            f"family={family!r} is not a server family; pass one of {', '.join(SERVERS)}"
        )


def _check_limits(limits: object) -> None:
    if limits is None:
        return
    if not isinstance(limits, ScriptLimits):
        raise InvalidArgumentError(
            f"script_limits is {type(limits).__name__}; pass ScriptLimits, for example ScriptLimits(cpu_seconds=10)"
        )
    for field in dataclasses.fields(limits):
        value: object = getattr(limits, field.name)
        if not _is_number(value, 1, LARGEST_NUMBER):
            raise InvalidArgumentError(
                f"ScriptLimits: {field.name}={value!r} is not a number from 1 to {LARGEST_NUMBER}"
            )


def _check_users(auth: object) -> None:
    if auth is None:
        return
    if not isinstance(auth, Mapping):
        raise InvalidArgumentError(
            f'auth is {type(auth).__name__}; pass public keys by user name, as in {{"ada": ["ssh-ed25519 ..."]}}'
        )
    for user, keys in cast("Mapping[object, object]", auth).items():
        if not isinstance(user, str):
            raise InvalidArgumentError(f"auth: the user {user!r} is {type(user).__name__}; pass a str")
        if isinstance(keys, str) or not isinstance(keys, Sequence):
            raise InvalidArgumentError(
                f"auth: the keys of {user!r} are {type(keys).__name__}; pass a list of public keys"
            )
        for number, key in enumerate(cast("Sequence[object]", keys), 1):
            try:
                read_public_key(key)
            except ValueError as error:
                raise InvalidArgumentError(f"auth: key {number} of {user!r} {error}") from None


def _is_number(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
