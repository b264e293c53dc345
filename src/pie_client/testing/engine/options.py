"""The options of the embedded engine, and which values each can have."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pie_client._generated.families import HIGHEST_PORT, Family
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import SERVERS
from pie_client.testing.engine.authentication import read_public_key
from pie_client.testing.http.origins import ORIGIN
from pie_client.testing.scripts.scripts import SUPPORTED, Limit, ScriptLimits


def _check_key(key: str) -> str:
    read_public_key(key)
    return key


def _check_origin(origin: str) -> str:
    if not ORIGIN.fullmatch(origin):
        raise ValueError("write it like http://localhost:3000, without a path, or as *")
    return origin


class Options(BaseModel):
    """The options of :class:`LocalEngine`, which documents them."""

    model_config = ConfigDict(strict=True, frozen=True, revalidate_instances="always")

    family: Family
    auth: Mapping[str, Sequence[Annotated[str, AfterValidator(_check_key)]]] | None
    port: Annotated[int, Field(ge=0, le=HIGHEST_PORT)]
    keep_detached: bool
    allow_scripts: bool
    script_limits: ScriptLimits | None
    max_upload_bytes: Limit
    allowed_origins: Sequence[Annotated[str, AfterValidator(_check_origin)]]
    builtins: bool

    @classmethod
    def of(cls, **values: object) -> Self:
        """Return checked options.

        Raises:
            InvalidArgumentError: A value is invalid, or an option has no effect in the family or without another one.
        """
        try:
            options = cls.model_validate(values)
        except ValidationError as error:
            detail = error.errors()[0]
            name = ".".join(map(str, detail["loc"]))
            # A key may be a private one.
            given = name if "auth" in detail["loc"] else f"{name}={detail['input']!r}"
            reason = detail["msg"].removeprefix("Value error, ")
            raise InvalidArgumentError(f"invalid {given}: {reason}") from None
        options.check_combination()
        return options

    def check_combination(self) -> None:
        """Raise InvalidArgumentError if an option has no effect."""
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
