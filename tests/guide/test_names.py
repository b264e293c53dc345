"""Every name in the guide, with its parameters, their order and their defaults."""

import enum
import inspect
from collections.abc import Callable
from typing import get_origin, get_type_hints

import pie_client
from pie_client import Event, ParsedPrivateKey, PieClient, PieConnectionError, Process

REQUIRED: object = inspect.Parameter.empty

SIGNATURES: list[tuple[Callable[..., object], dict[str, object]]] = [
    (PieClient, {"server_uri": REQUIRED}),
    (PieClient.authenticate, {"username": REQUIRED, "private_key": None}),
    (PieClient.auth_by_token, {"token": REQUIRED}),
    (PieClient.resolve_version, {"name": REQUIRED, "registry_url": REQUIRED}),
    (PieClient.check_program, {"inferlet": REQUIRED, "wasm_path": None, "manifest_path": None}),
    (
        PieClient.install_program,
        {"wasm_path": REQUIRED, "manifest_path": REQUIRED, "force_overwrite": False},
    ),
    (
        PieClient.launch_process,
        {"inferlet": REQUIRED, "input": None, "capture_outputs": True, "token_budget": None},
    ),
    (PieClient.attach_process, {"process_id": REQUIRED}),
    (PieClient.list_processes, {}),
    (PieClient.signal_process, {"process_id": REQUIRED, "message": REQUIRED}),
    (PieClient.terminate_process, {"process_id": REQUIRED}),
    (PieClient.launch_daemon, {"inferlet": REQUIRED, "port": REQUIRED, "input": None}),
    (
        PieClient.register_mcp_server,
        {"name": REQUIRED, "transport": REQUIRED, "command": None, "args": None, "url": None},
    ),
    (PieClient.ping, {}),
    (PieClient.query, {"subject": REQUIRED, "record": ""}),  # the guide asks for both; one suffices
    (Process.recv, {}),
    (Process.signal, {"message": REQUIRED}),
    (Process.transfer_file, {"file_bytes": REQUIRED}),
    (Process.terminate, {}),
    (ParsedPrivateKey.from_file, {"path": REQUIRED}),  # the guide does not name these two
    (ParsedPrivateKey.parse, {"key_content": REQUIRED}),
]
"""The parameters that the guide documents, in their order, with their defaults."""
NOT_ASYNC = (PieClient, ParsedPrivateKey.from_file, ParsedPrivateKey.parse)


def test_the_parameters_of_the_guide_come_first_in_its_order_with_its_defaults() -> None:
    for function, promised in SIGNATURES:
        parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
        ours, additional = parameters[: len(promised)], parameters[len(promised) :]
        assert [(p.name, p.default) for p in ours] == list(promised.items()), function
        assert {p.kind for p in ours} <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}, function
        assert [p.name for p in additional if p.default is REQUIRED] == [], function
        assert inspect.iscoroutinefunction(function) is (function not in NOT_ASYNC), function


def test_results_have_the_types_of_the_guide() -> None:
    assert get_type_hints(Process.recv)["return"] == tuple[Event, str | bytes]
    assert isinstance(process_id := inspect.getattr_static(Process, "process_id"), property)
    assert get_type_hints(process_id.fget)["return"] is str
    assert get_origin(get_type_hints(PieClient.launch_process)["return"]) is Process
    assert get_origin(get_type_hints(PieClient.attach_process)["return"]) is Process
    assert get_type_hints(PieClient.check_program)["return"] is bool
    assert get_type_hints(PieClient.resolve_version)["return"] is str


def test_event_is_a_plain_enum_with_six_members() -> None:
    assert Event.__mro__ == (Event, enum.Enum, object)
    assert type(Event) is enum.EnumMeta
    assert list(Event.__members__) == ["Stdout", "Stderr", "Message", "File", "Return", "Error"]
    assert len(Event) == 6


def test_only_connection_errors_derive_from_connectionerror() -> None:
    errors = [getattr(pie_client, name) for name in dir(pie_client) if name.endswith("Error")]
    classes = [cls for cls in errors if isinstance(cls, type) and issubclass(cls, Exception)]
    assert len(classes) > 20
    for cls in classes:
        assert issubclass(cls, ConnectionError) is issubclass(cls, PieConnectionError), cls
