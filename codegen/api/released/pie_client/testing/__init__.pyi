from pie_client.lazy import imported as _imported
TYPE_CHECKING = False
from pie_client.testing.engine.daemons import RunningDaemon as RunningDaemon
from pie_client.testing.engine.local_engine import LocalEngine as LocalEngine
from pie_client.testing.faults.catalogue import Faults as Faults
from pie_client.testing.faults.fault import Fault as Fault
from pie_client.testing.faults.reactions import Refusal as Refusal
from pie_client.testing.http.messages import DaemonFunction as DaemonFunction
from pie_client.testing.http.messages import DaemonRequest as DaemonRequest
from pie_client.testing.http.messages import DaemonResponse as DaemonResponse
from pie_client.testing.inferlet.exceptions import McpCallError as McpCallError
from pie_client.testing.inferlet.exceptions import ProcessFailure as ProcessFailure
from pie_client.testing.inferlet.mcp import McpSession as McpSession
from pie_client.testing.inferlet.session import InferletFunction as InferletFunction
from pie_client.testing.inferlet.session import InferletSession as InferletSession
from pie_client.testing.scripts.scripts import ScriptLimits as ScriptLimits
