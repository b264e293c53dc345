from dataclasses import dataclass
from pie_client._generated.families import Family

@dataclass(frozen=True, slots=True)
class ServerInfo:
    family: Family
    title: str
    username: str
