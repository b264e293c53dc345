"""Names that the package and its public modules do not have. Checkers must report each of them."""

# fmt: off
import pie_client
from pie_client import PieClinet as PieClinet  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType
from pie_client import StdoutFrame as StdoutFrame  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType
from pie_client import import_module as import_module  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType
from pie_client.errors import PieEror as PieEror  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType
from pie_client.models import PingReqest as PingReqest  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType
from pie_client.otel import OpenTelemetri as OpenTelemetri  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType
from pie_client.sync import Proces as Proces  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType
from pie_client.testing import LocalEngin as LocalEngin  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType
from pie_client.typed import InputModl as InputModl  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownVariableType


def attributes() -> None:
    pie_client.PieClinet()  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownMemberType
    pie_client.errors.PieEror()  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownMemberType
    pie_client.models.PingReqest()  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownMemberType
    pie_client.testing.LocalEngin()  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownMemberType
