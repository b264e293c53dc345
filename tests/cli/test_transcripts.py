"""The transcripts of docs/command-line.md are what the commands write."""

from pathlib import Path

import pytest

from tests.cli.transcripts import PAGE, TRANSCRIPT, shell, without_measures


@pytest.mark.timeout(300)
async def test_the_commands_of_the_page_write_what_it_shows(tmp_path: Path) -> None:
    transcripts = TRANSCRIPT.findall(PAGE.read_text("utf-8"))
    assert len(transcripts) > 10
    async with shell(tmp_path) as running:
        for _head, name, body, _tail in transcripts:
            written = await running.run(body)
            assert without_measures(written) == without_measures(body), (
                f"{name}: write the page anew with: python -m tests.cli.transcripts"
            )
