"""The commands ``pie-client config init``, ``show`` and ``set``."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pie_client._generated.families import DEFAULT_URI
from pie_client.cli import options, output, settings, starting
from pie_client.cli.running import UsageError
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import tomli_w
else:
    tomli_w = LazyModule("tomli_w")

app = typer.Typer(
    cls=starting.Group, no_args_is_help=True, help="Show and change the settings of this command."
)


@app.command("init", cls=starting.Command)
def init(
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace an existing file.")] = False,
    config: options.Config = None,
) -> None:
    """Write the file of settings, with those of the published client's file if there is one."""
    path = _place(config)
    if path.exists() and not force:
        raise UsageError(f"{path} exists; change it with: pie-client config set NAME VALUE, or pass --force")
    published = settings.read_published()
    _write(path, {"uri": DEFAULT_URI} if published is None else published.values)
    output.write_line(f"{path} written" + ("" if published is None else f" from {published.path}"))


@app.command("show", cls=starting.Command)
def show(as_json: options.AsJson = False, config: options.Config = None) -> None:
    """Show the settings that apply, and where each comes from."""
    values = settings.resolve({}, config)
    rows = [(name, settings.shown(name, value.text), value.source) for name, value in values.items()]
    if as_json:
        output.write_json({name: {"value": text, "source": source} for name, text, source in rows})
    else:
        output.write(output.table(("SETTING", "VALUE", "FROM"), rows))
        path = settings.config_path(config)
        if path is not None and not path.exists():
            output.note(f"{path} does not exist; write it with: pie-client config init")


@app.command("set", cls=starting.Command)
def set_value(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help=", ".join(settings.SETTINGS),
            show_default=False,
            autocompletion=lambda: list(settings.SETTINGS),
        ),
    ],
    value: Annotated[
        str | None,
        typer.Argument(metavar="VALUE", help="Leave it out to remove the setting.", show_default=False),
    ] = None,
    config: options.Config = None,
) -> None:
    """Change or remove a setting in the file."""
    if name not in settings.SETTINGS:
        raise UsageError(f"unknown setting {name!r}; there are {', '.join(settings.SETTINGS)}")
    path = _place(config)
    values = {**settings.read_config(config).values}
    values.pop(name, None)
    if value is not None:
        settings.check(name, settings.Value(value, name))
        values[name] = value
    _write(path, values)
    output.write_line(f"{name} {'removed' if value is None else 'set'} in {path}")


def _place(config: Path | None) -> Path:
    path = settings.config_path(config)
    if path is None:
        raise UsageError(
            f"this user has no home folder; pass --config FILE, or set {settings.CONFIG_VARIABLE}"
        )
    return path


def _write(path: Path, values: Mapping[str, str]) -> None:
    """Replace the file at once. Only its owner may read it: it may have a token."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            tomli_w.dump(values, file)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
