"""Options that several commands have, and the decorator that adds those of a connection."""

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from pie_client.cli import running, settings
from pie_client.cli.server import Server
from pie_client.common.interrupts import Interrupts

P = ParamSpec("P")

PANEL = "Connection"
"""Title of the options of a connection in the help."""


def setting_option(name: str) -> Any:  # noqa: ANN401 - as typer.Option
    """Return the option of a setting."""
    setting = settings.SETTINGS[name]
    default = f" \\[default: {setting.default}]" if setting.default else ""
    text = f"{setting.meaning[0].upper()}{setting.meaning[1:]}. \\[env: {setting.variable}]{default}"
    return typer.Option(
        f"--{name}", help=text, metavar=setting.kind, rich_help_panel=PANEL, show_default=False
    )


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help=f"File of settings, see `pie-client config`. \\[env: {settings.CONFIG_VARIABLE}]",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        help="Write the client's log to standard error; twice for every request.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
Trace = Annotated[
    bool,
    typer.Option(
        "--trace",
        help="Write every frame to standard error, without payloads and secrets.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]

FLAGS = tuple(
    name for name, setting in settings.SETTINGS.items() if not setting.secret and name != "registry"
)
"""Settings of a connection that have flags."""
DEFAULTS = {"verbose": 0, "trace": False}
"""Defaults of the other options."""


def connecting(function: Callable[Concatenate[Server, P], Awaitable[int | None]]) -> Callable[..., None]:
    """Make a command of a coroutine function that takes the server first, and add the options of the connection.

    Args:
        function: Does the work and returns the exit status, None for 0.
    """

    def command(**values: object) -> None:
        config = values.pop("config")
        verbose, trace = values.pop("verbose"), values.pop("trace")
        flags = {name: values.pop(name) for name in FLAGS}

        async def work(interrupts: Interrupts) -> int | None:
            resolved = settings.resolve(flags, config)  # type: ignore[arg-type]
            return await function(Server(resolved, interrupts, trace=trace is True), **values)  # type: ignore[arg-type, call-arg]

        raise typer.Exit(running.run(work, verbose=verbose))  # type: ignore[arg-type]

    _, *own = inspect.signature(function).parameters.values()
    added = {
        **{name: Annotated[str | None, setting_option(name)] for name in FLAGS},
        "config": Config,
        "verbose": Verbose,
        "trace": Trace,
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        *(parameter.replace(kind=keyword) for parameter in own),
        *(
            inspect.Parameter(name, keyword, default=DEFAULTS.get(name), annotation=annotation)
            for name, annotation in added.items()
        ),
    ]
    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    # typer reads annotations and signature.
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


Build = Annotated[
    Path | None,
    typer.Option("--path", "-p", help="Build to install first: a component or a script.", show_default=False),
]
Manifest = Annotated[
    Path | None,
    typer.Option("--manifest", "-m", help="Its Pie.toml. \\[default: beside the build]", show_default=False),
]


def manifest_of(build: Path, manifest: Path | None) -> Path:
    """Return the manifest of a build: the given one, or the one beside it. Raises UsageError if a file is missing."""
    if not build.is_file():
        raise running.UsageError(f"{build} is not a file; pass a component or a script")
    place = manifest or build.with_name("Pie.toml")
    if not place.is_file():
        raise running.UsageError(f"{place} is not a file; pass the program's Pie.toml with --manifest")
    return place


Prefix = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the process, or its unique beginning.", show_default=False)
]
Registry = Annotated[str | None, setting_option("registry")]
Timeout = Annotated[str | None, setting_option("timeout")]
SaveFiles = Annotated[
    Path | None, typer.Option("--save-files", metavar="DIR", help="Save the files that the program sends.")
]
EventsAsJson = Annotated[bool, typer.Option("--json", help="Write each event as one line of JSON.")]
Program = Annotated[str, typer.Argument(metavar="NAME@VERSION", help="Program.", show_default=False)]
PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": list[str]()}
"""Settings of a command that passes its arguments, `--help` too, to another one."""
