"""The protocol's messages, results and events as models, for those who work with the protocol itself.

What ``LocalEngine.answer`` and ``InferletSession.emit`` take, and what ``client.rpc`` gives.
"""

from pie_client._generated.models import *  # noqa: F403 - the names are the schema's
from pie_client._generated.models import __all__ as __all__  # noqa: PLC0414 - the redundant name marks a re-export
