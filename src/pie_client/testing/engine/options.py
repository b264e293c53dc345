"""The options of the embedded engine, and which values each can have."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from pie_client._generated.families import HIGHEST_PORT, Family
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import SERVERS
from pie_client.testing.engine.keys import read_public_key
from pie_client.testing.scripts.scripts import SUPPORTED, ScriptLimits

LARGEST_NUMBER: Final = 1 << 62
"""Largest size or limit; operating systems reject larger ones."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of :class:`LocalEngine`, which documents them.

    Raises:
        InvalidArgumentError: A value is invalid, or an option has no effect in the family or without another option.
    """

    family: Family
    auth: Mapping[str, Sequence[str]] | None
    port: int
    keep_detached: bool
    allow_scripts: bool
    script_limits: ScriptLimits | None
    max_upload_bytes: int
    builtins: bool

    def __post_init__(self) -> None:
        if self.family not in list(SERVERS):  # a list, because the value may not be hashable
            raise InvalidArgumentError(
                f"family={self.family!r} is not a server family; pass one of {', '.join(SERVERS)}"
            )
        for name in ("keep_detached", "allow_scripts", "builtins"):
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
        traits = SERVERS[self.family]
        for option, given, has_effect, reason in (
            ("auth", self.auth is not None, traits.identify_first, "do not authenticate users by key"),
            ("allow_scripts", self.allow_scripts, traits.runs_scripts, "run no scripts"),
        ):
            if given and not has_effect:
                other = next(name for name in SERVERS if name != self.family)
                raise InvalidArgumentError(
                    f'{option} has no effect with family="{self.family}", whose servers {reason}; '
                    f'pass family="{other}"'
                )
        if self.script_limits is not None and not self.allow_scripts:
            raise InvalidArgumentError("script_limits has no effect without allow_scripts=True; pass both")
        if self.allow_scripts and not SUPPORTED:
            raise InvalidArgumentError("allow_scripts=True needs a POSIX system; omit it on this one")


def _check_limits(limits: object) -> None:
    if limits is None:
        return
    if not isinstance(limits, ScriptLimits):
        raise InvalidArgumentError(
            f"script_limits is {type(limits).__name__}; pass ScriptLimits, for example ScriptLimits(cpu_seconds=10)"
        )
    for name, value in dataclasses.asdict(limits).items():
        if not _is_number(value, 1, LARGEST_NUMBER):
            raise InvalidArgumentError(
                f"ScriptLimits: {name}={value!r} is not a number from 1 to {LARGEST_NUMBER}"
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
