"""Published clients fail as docs/migrating.md says."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from pie_client.testing import LocalEngine
from tests.interop.test_clients import CLIENTS, FOLDER
from tests.published import failing
from tests.published.comparing import RELEASES
from tests.published.page import agree, error_in, errors_of

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(FOLDER not in os.environ, reason="needs published clients: nox -s interop"),
]


@pytest.mark.parametrize("release", RELEASES)
async def test_a_published_client_raises_what_the_page_says(release: str) -> None:
    name = f"pypi-{release}"
    async with (
        LocalEngine(family=CLIENTS[name].family, builtins=True) as engine,
        LocalEngine(family="0.4", auth={"alice": []}) as guarded,
    ):
        said = {row.code: error_in(row.cells[0]) for row in errors_of(release)}
        process = await asyncio.create_subprocess_exec(
            Path(os.environ[FOLDER]) / name / "bin" / "python",
            Path(failing.__file__),
            json.dumps({"servers": [engine.uri, guarded.uri], "codes": [*said]}),
            stdout=asyncio.subprocess.PIPE,
            env={
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTHON", "COVERAGE"))
            },
        )
        out, _ = await process.communicate()
    outcomes: dict[str, str] = json.loads(out)
    assert {code: found for code, found in outcomes.items() if not agree(found, said[code])} == {}
