import logging
from http import HTTPStatus
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from pie_client._generated.families import STATUS_IDENTITY_REFUSED, STATUS_NO_ENDPOINT
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.http.origins import AllowedOrigins
logger = logging.getLogger(__name__)

def refusal(traits: ServerTraits, allowed: AllowedOrigins, connection: ServerConnection, request: Request) -> Response | None:
    ...
