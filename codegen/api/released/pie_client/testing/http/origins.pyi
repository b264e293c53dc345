import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit
from pie_client.connection.options import is_loopback
from pie_client.errors import one_line
ANY = '*'
ORIGIN = re.compile('\\*|null|[a-z][a-z0-9+.-]*://(?:[^\\s/?#@:\\[\\]]+|\\[[0-9a-f:.]+\\])(?::[1-9][0-9]{0,4})?', re.IGNORECASE)
SHOWN = 100

class AllowedOrigins:

    def __init__(self, origins: Sequence[str]=()) -> None:
        ...

    def refusal(self, origins: Sequence[str], port: int) -> str | None:
        ...

    def host_refusal(self, hosts: Sequence[str]) -> str | None:
        ...
