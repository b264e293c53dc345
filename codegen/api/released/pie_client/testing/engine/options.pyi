from collections.abc import Mapping, Sequence
from typing import Annotated, Self
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pie_client._generated.families import HIGHEST_PORT, Family
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import SERVERS
from pie_client.testing.engine.authentication import read_public_key
from pie_client.testing.http.origins import ORIGIN
from pie_client.testing.scripts.scripts import SUPPORTED, Limit, ScriptLimits

class Options(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, revalidate_instances='always')
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
        ...

    def check_combination(self) -> None:
        ...
