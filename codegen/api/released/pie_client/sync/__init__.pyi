from pie_client.lazy import imported as _imported
TYPE_CHECKING = False
from pie_client.sync._generated.agent import agent_keys as agent_keys
from pie_client.sync._generated.calls import Calls as Calls
from pie_client.sync._generated.client import PieClient as PieClient
from pie_client.sync._generated.launching import Runner as Runner
from pie_client.sync._generated.mapping import Map as Map
from pie_client.sync._generated.process import Process as Process
from pie_client.sync.feeds import Source as Source
