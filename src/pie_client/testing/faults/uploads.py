"""Faults of uploaded programs."""

import json

from pie_client._generated import models
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing.faults.fault import Fault, Reaction, Refused, StepFault
from pie_client.testing.faults.group import FaultGroup, check_program
from pie_client.testing.faults.outgoing import Receiver

LAUNCHES = (
    models.LaunchProcessRequest,
    models.LaunchProcessesRequest,
    models.RunProcessesRequest,
    models.LaunchDaemonRequest,
)


class UploadFaults(FaultGroup):
    """Faults of uploaded programs."""

    def swallow_upload(self, *, times: int | None = 1) -> Fault:
        """Confirm an upload without storing the program."""
        return StepFault(self._faults, "swallow_upload", times, "upload")

    def broken_program(self, program: str, *, times: int | None = None) -> Fault:
        """Report that a program is installed, but refuse to launch it.

        Args:
            program: The program as ``name@version``.
            times: How many launches fail; None, the default, for every one.
        """
        check_program(program)

        def react(fault: Fault, _receiver: Receiver, message: WireModel) -> Reaction | None:
            if isinstance(message, models.CheckProgramRequest):
                found = f"{message.name}@{message.version}" == program
                return json.dumps(obj=True) if found and fault.active else None
            if isinstance(message, LAUNCHES) and message.inferlet in names and fault.take():
                return Refused(texts.compile_failed(detail="requested as a fault"))
            return None

        names = (program, program.rpartition("@")[0])
        return self._on_request("broken_program", times, react)
