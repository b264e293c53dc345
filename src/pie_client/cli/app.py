"""The commands of ``pie-client``, and how its arguments are read."""

import re
from collections.abc import Callable
from typing import Annotated

import typer

from pie_client import __version__
from pie_client.cli import options, output, running, starting
from pie_client.cli.commands import (
    attach,
    check,
    configuration,
    install,
    mapping,
    ping,
    processes,
    resolve,
    serve,
    signalling,
    status,
    submit,
    terminate,
    typed,
)

app = typer.Typer(
    name=output.NAME,
    help="Use a Pie server: launch programs, watch and end their processes.",
    cls=starting.Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        output.write_line(f"{output.NAME} {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


RENAMED = {
    "abort": "terminate",
    "update": "set",
    "--host": "--uri ws://HOST:PORT",
    "--port": "--uri ws://HOST:PORT",
    "--private-key-path": "--key",
    "--no-output": "--detach",
    "--long": "--full",
    "--path": "--config",
}
"""Names in the published client's command, and those in this one."""
COMMANDS: dict[str, Callable[..., object]] = {
    "submit": submit.submit,
    "list": processes.list_processes,
    "attach": attach.attach,
    "signal": signalling.signal,
    "terminate": terminate.terminate,
    "map": mapping.map_inputs,
    "ping": ping.ping,
    "status": status.status,
    "install": install.install,
    "check": check.check,
    "resolve": resolve.resolve,
}
for _name, _command in COMMANDS.items():
    app.command(_name, cls=starting.Command)(_command)
for _name, _command in {"serve": serve.serve, "types": typed.types}.items():
    _passing = app.command(
        _name, cls=starting.Command, add_help_option=False, context_settings=options.PASSED_ON
    )
    _passing(_command)
app.add_typer(configuration.app, name="config")


def run(arguments: list[str]) -> int:
    """Run the command with its arguments, and return the exit status."""
    output.prepare()
    return running.guarded(lambda: _called(arguments))


def _called(arguments: list[str]) -> int:
    given, flags = _split(arguments)
    try:
        status: object = typer.main.get_command(app).main(
            given, prog_name=output.NAME, standalone_mode=False, obj=flags
        )
    except typer.TyperException as error:
        if not error.format_message():  # the help was shown
            return running.Status.USAGE
        raise running.UsageError(_usage(error, given)) from None
    except typer.Abort:
        return 1
    except SystemExit as end:  # of `serve` and `types`
        return end.code if isinstance(end.code, int) else 1
    return status if isinstance(status, int) else 0


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split the arguments of `submit` at the first ``--``: what follows is the program's."""
    command = next((each for each in arguments if not each.startswith("-")), "")
    if command != "submit" or "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _usage(error: typer.TyperException, given: list[str]) -> str:
    """Return the line for arguments that can't be read."""
    text = " ".join(error.format_message().split()).rstrip(".")
    command = next((each for each in given if each in _names()), "")
    # "no such option" quotes the name; the arguments may be written --name=value.
    renamed = next(
        (new for old, new in RENAMED.items() if re.search(rf"(?<![\w-]){old}(?![\w-])", text)), None
    )
    if renamed is not None:
        text = re.split(r" \(|\. ", text)[0]  # without the names that are like it
        hint = f"; here it is {renamed}"
    else:
        own = command == "submit" and text.startswith("No such option")
        hint = "; flags of the program go after --" if own else ""
    return f"{text[:1].lower()}{text[1:]}{hint}; see: {' '.join(filter(None, (output.NAME, command)))} --help"


def _names() -> list[str]:
    groups = [group.name or "" for group in app.registered_groups]
    return [command.name or "" for command in app.registered_commands] + groups
