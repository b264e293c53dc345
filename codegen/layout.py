"""The folders and packages that the generator reads and writes. It imports none of the generator's tools."""

from dataclasses import dataclass, field
from pathlib import Path

GENERATED = "_generated"
"""Name of a generated package."""


@dataclass(frozen=True)
class Layout:
    """Where the generator reads and writes. Relative paths are relative to the root."""

    root: Path = field(default=Path(__file__).parents[1], metadata={"help": "folder of the other paths"})
    schema: Path = field(default=Path("schema"), metadata={"help": "folder of the schema"})
    output: Path = field(default=Path("src"), metadata={"help": "folder of the package"})
    package: str = field(default="pie_client", metadata={"help": "package that generated code is part of"})
    base: str = field(
        default="pie_client",
        metadata={"help": "package of the modules base, content, errors, lazy and matching"},
    )
    reference: Path = field(default=Path("docs/protocol.md"), metadata={"help": "the protocol reference"})
    settings: Path = field(default=Path("pyproject.toml"), metadata={"help": "settings and pins of tools"})

    @property
    def exports(self) -> Path:
        """Folder of the exports, with a folder for each format."""
        return self.schema / "dist"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that hold nothing but generated files."""
        return *self.packages, self.synchronous, self.exports

    @property
    def synchronous(self) -> Path:
        """The generated package of the synchronous client."""
        return self.output.joinpath(*self.package.split("."), "sync", GENERATED)

    @property
    def packages(self) -> tuple[Path, Path]:
        """The generated packages: the client's, and the embedded engine's."""
        package = self.output.joinpath(*self.package.split("."))
        return package / GENERATED, package / "testing" / GENERATED
