"""Values that the options of the embedded engine can have."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, cast

from pie_client._generated.families import HIGHEST_PORT, Family
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import SERVERS
from pie_client.testing.engine.keys import read_public_key
from pie_client.testing.scripts.scripts import SUPPORTED, ScriptLimits

LARGEST_NUMBER: Final = 1 << 62
"""What systems can count to."""


class Misfit(NamedTuple):
    """An option that has no effect in a family."""

    option: str
    because: str
    """What the family's servers do, in words that follow "whose servers"."""
    family: Family
    """A family that has it."""


def misfit(family: Family, given: Collection[str]) -> Misfit | None:
    """Find an option among those given that has no effect in a family."""
    traits = SERVERS[family]
    if "auth" in given and not traits.identify_first:
        return Misfit("auth", "ask for no keys", "0.4")
    for option in ("imitate_delays", "serial_accept"):
        if option in given and not traits.serial:
            return Misfit(option, "let nobody wait", "0.4")
    if "allow_scripts" in given and not traits.runs_scripts:
        return Misfit("allow_scripts", "run no scripts", "0.5")
    return None


def check(
    *,
    family: Family,
    auth: Mapping[str, Sequence[str]] | None,
    port: int,
    max_upload_bytes: int,
    script_limits: ScriptLimits | None,
    flags: Mapping[str, bool],
) -> None:
    """Raises InvalidArgumentError for a value that an option can't have; ``flags`` are options that are on or off."""
    if not isinstance(cast("object", family), str) or family not in SERVERS:
        raise InvalidArgumentError(f"family={family!r} is no server family; pass one of {', '.join(SERVERS)}")
    for name, value in flags.items():
        if not isinstance(cast("object", value), bool):
            raise InvalidArgumentError(f"{name}={value!r} is neither True nor False; pass one of them")
    if not _is_number(port, 0, HIGHEST_PORT):
        raise InvalidArgumentError(
            f"port={port!r} is no port; pass a number from 0 to {HIGHEST_PORT}, 0 for a free one"
        )
    if not _is_number(max_upload_bytes, 1, LARGEST_NUMBER):
        raise InvalidArgumentError(
            f"max_upload_bytes={max_upload_bytes!r} is no size of an upload; pass a whole number of bytes, from 1"
        )
    _check_limits(script_limits)
    _check_users(auth)
    given = [name for name, value in flags.items() if value]
    if auth is not None:
        given.append("auth")
    if (wrong := misfit(family, given)) is not None:
        raise InvalidArgumentError(
            f'{wrong.option} can\'t be used with family="{family}", whose servers {wrong.because}; '
            f'pass family="{wrong.family}"'
        )
    if script_limits is not None and not flags["allow_scripts"]:
        raise InvalidArgumentError("script_limits limits nothing without allow_scripts=True; pass that, too")
    if flags["allow_scripts"] and not SUPPORTED:
        raise InvalidArgumentError("allow_scripts=True needs POSIX processes; leave it out on this system")


def _check_limits(limits: object) -> None:
    if limits is None:
        return
    if not isinstance(limits, ScriptLimits):
        raise InvalidArgumentError(
            f"script_limits is {type(limits).__name__}; pass ScriptLimits(cpu_seconds=10), for instance"
        )
    for field in dataclasses.fields(limits):
        value: object = getattr(limits, field.name)
        if not _is_number(value, 1, LARGEST_NUMBER):
            raise InvalidArgumentError(
                f"ScriptLimits: {field.name}={value!r} is no number from 1 to {LARGEST_NUMBER}"
            )


def _check_users(auth: object) -> None:
    if auth is None:
        return
    if not isinstance(auth, Mapping):
        raise InvalidArgumentError(
            f'auth is {type(auth).__name__}; pass the public keys of each user, as in {{"ada": ["ssh-ed25519 ..."]}}'
        )
    for user, keys in cast("Mapping[object, object]", auth).items():
        if not isinstance(user, str):
            raise InvalidArgumentError(f"auth: the user {user!r} is {type(user).__name__}; pass a str")
        if isinstance(keys, str) or not isinstance(keys, Sequence):
            raise InvalidArgumentError(
                f"auth: the keys of {user!r} are {type(keys).__name__}; pass a list of public keys"
            )
        for number, key in enumerate(cast("Sequence[object]", keys), 1):
            if not isinstance(key, str):
                raise InvalidArgumentError(
                    f"auth: key {number} of {user!r} is {type(key).__name__}; pass the text of a public key"
                )
            try:
                read_public_key(key)
            except ValueError as error:
                raise InvalidArgumentError(f"auth: key {number} of {user!r} {error}") from None


def _is_number(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
