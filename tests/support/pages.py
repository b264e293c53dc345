"""Files that pages of the repository show."""

import re
from pathlib import Path

from tests.support.repository import ROOT

FILE = re.compile(r"<!-- file: ([\w.]+) -->\n```\w+\n(.*?)```", re.DOTALL)


def files_of(page: str) -> dict[str, str]:
    """Return the contents of the files that a page shows, by name."""
    found: list[tuple[str, str]] = FILE.findall((ROOT / page).read_text(encoding="utf-8"))
    files = dict(found)
    assert len(files) == len(found), "two files have one name"
    return files


def write_files(page: str, folder: Path) -> None:
    """Write the files that a page shows."""
    for name, content in files_of(page).items():
        (folder / name).write_text(content, encoding="utf-8")
