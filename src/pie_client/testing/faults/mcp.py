"""Faults of the MCP calls that inferlets make."""

import uuid
from collections.abc import Sequence

from pie_client._generated import models
from pie_client._generated.mcp import LIST_TOOLS
from pie_client.protocol import codec
from pie_client.testing.faults.fault import CloseFault, Fault
from pie_client.testing.faults.group import UNKNOWN, FaultGroup
from pie_client.testing.faults.outgoing import MessageCopy


class McpFaults(FaultGroup):
    """Faults of the MCP calls that inferlets make."""

    def mcp_request_for_unknown_server(self, server: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """Send an inferlet's MCP call to a server that the client has not registered."""
        return self._call("mcp_request_for_unknown_server", times, server_name=server)

    def mcp_request_of_unknown_method(self, method: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """Send an inferlet's MCP call with a method that does not exist."""
        return self._call("mcp_request_of_unknown_method", times, method=method)

    def mcp_params_not_json(self, params: str = "{", *, times: int | None = 1) -> Fault:
        """Send an inferlet's MCP call with parameters that are not JSON."""
        return self._call("mcp_params_not_json", times, params=params)

    def mcp_request_after_close(self, server: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """Send an MCP call after the client's close frame, and do not answer the close."""

        def call() -> bytes:
            message = models.McpRequest(
                corr_id=1, process_id=str(uuid.uuid4()), server_name=server, method=LIST_TOOLS, params="{}"
            )
            return codec.encode_fields(message.model_dump())

        fault = CloseFault(self._faults, "mcp_request_after_close", times)
        fault.instead = call
        return fault

    def _call(self, name: str, times: int | None, **values: str) -> Fault:
        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            if not isinstance(sent.message, models.McpRequest) or not fault.applies_to(sent):
                return None
            return [sent.with_values(**values)]

        return self._on_message(name, times, replace)
