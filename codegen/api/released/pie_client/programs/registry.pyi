import re
from codecs import BOM_UTF8
from urllib.parse import quote, urlsplit
from pydantic import ValidationError
from pie_client._generated.families import LISTING_PATH, PROGRAM_NAME_PATTERN, PROGRAM_PATTERN
from pie_client._generated.models import ProgramListing
from pie_client._generated.refusals import ProgramNotFoundError
from pie_client._version import __version__
from pie_client.connection.options import check_seconds
from pie_client.connection.threads import check_asyncio
from pie_client.errors import DeadlineError, InvalidArgumentError, RegistryError, one_line
from pie_client.programs.download import DownloadError, download
from pie_client.protocol.validation import validator
CALL = 'resolve_version'
LISTING_BYTES = 8 << 20
HEADERS = {'Accept': 'application/json', 'User-Agent': f'pie-client/{__version__}'}
NOT_FOUND = 404
IN_PATHS = "/%:@!$&'()*+,;=-._~"

async def resolve_version(name: object, registry_url: object, timeout: float) -> str:
    ...
