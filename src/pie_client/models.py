"""The messages, results and events of the protocol as typed models.

:class:`~pie_client.testing.LocalEngine`'s ``answer`` and :class:`~pie_client.testing.InferletSession`'s ``emit`` take
them, and calls through :attr:`PieClient.rpc <pie_client.PieClient.rpc>` return them. Applications that use only the
methods of the client do not need them.
"""

import pie_client._generated.models as _models
from pie_client._generated.models import *  # noqa: F403 - the names are the schema's
from pie_client._generated.results import (
    AlreadyAuthenticated,
    AuthenticationDisabled,
    AuthIdentifyResult,
    Challenge,
    OtherIdentification,
)

__all__: list[str] = [
    "AlreadyAuthenticated",
    "AuthIdentifyResult",
    "AuthenticationDisabled",
    "Challenge",
    "OtherIdentification",
]
__all__ += _models.__all__
