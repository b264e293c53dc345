"""The folders and packages that the generator reads and writes. It imports none of the generator's tools."""

from dataclasses import dataclass
from pathlib import Path

GENERATED = "_generated"
"""Name of a generated package."""


@dataclass(frozen=True)
class Layout:
    """Where the generator reads and writes. Relative paths are relative to the root."""

    root: Path = Path(__file__).parents[1]
    schema: Path = Path("schema")
    output: Path = Path("src")
    """Folder of the package."""
    package: str = "pie_client"
    """Package that the generated code is part of."""
    base: str = "pie_client"
    """Package whose modules ``base`` and ``errors`` generated code stands on."""
    reference: Path = Path("docs/protocol.md")
    settings: Path = Path("pyproject.toml")
    """Settings of the formatter, and the pinned versions of the tools."""

    @property
    def packages(self) -> tuple[Path, Path]:
        """The generated packages: the client's, and the embedded engine's."""
        package = self.output.joinpath(*self.package.split("."))
        return package / GENERATED, package / "testing" / GENERATED
