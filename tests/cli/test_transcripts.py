"""The transcripts and pictures of docs/command-line.md are what the commands write."""

import sys
from pathlib import Path

import pytest

from pie_client import Family
from tests.cli import pictures
from tests.cli.transcripts import HEAD, NEWEST, PAGE, TRANSCRIPT, shell, without_measures

TRANSCRIPTS = {
    name: (family or NEWEST, body)
    for _head, name, family, body, _tail in TRANSCRIPT.findall(PAGE.read_text("utf-8"))
}


def test_every_transcript_of_the_page_is_run() -> None:
    assert len(TRANSCRIPTS) == PAGE.read_text("utf-8").count(HEAD) > 0


@pytest.mark.parametrize(("family", "body"), TRANSCRIPTS.values(), ids=list(TRANSCRIPTS))
async def test_the_commands_of_the_page_write_what_it_shows(
    family: Family, body: str, tmp_path: Path
) -> None:
    async with shell(tmp_path) as running:
        written = await running.run(body, family)
    assert without_measures(written) == without_measures(body), (
        "write the page anew with: python -m tests.cli.transcripts"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
async def test_the_pictures_of_the_page_show_what_the_commands_write_in_a_terminal(tmp_path: Path) -> None:
    assert pictures.on_the_page() == set(pictures.SCREENS)
    for name, screen in (await pictures.screens(tmp_path)).items():
        shown = pictures.picture(name).read_text("utf-8")
        assert pictures.words(shown) == pictures.words(pictures.drawn(name, screen)), (
            f"{name}: draw the pictures anew with: python -m tests.cli.pictures"
        )
