"""The recorded names and signatures of published clients are those of the installed ones."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.interop.test_clients import FOLDER
from tests.published import record
from tests.published.comparing import RELEASES, recorded_text

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(FOLDER not in os.environ, reason="needs published clients: nox -s interop"),
]


@pytest.mark.parametrize("release", RELEASES)
def test_the_record_of_a_published_client_is_current(release: str) -> None:
    python = Path(os.environ[FOLDER], f"pypi-{release}", "bin", "python")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COVERAGE"))}
    done = subprocess.run(  # noqa: S603 - our own script
        [python, record.__file__], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert done.stdout == recorded_text(release), "record it again: nox -s interop -- --record"
