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
from tests.published.page import errors_of, unlike

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
        codes = [row.code for row in errors_of(release)]
        process = await asyncio.create_subprocess_exec(
            Path(os.environ[FOLDER]) / name / "bin" / "python",
            Path(failing.__file__),
            json.dumps({"servers": [engine.uri, guarded.uri], "codes": codes}),
            stdout=asyncio.subprocess.PIPE,
            env={
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTHON", "COVERAGE"))
            },
        )
        out, _ = await process.communicate()
    assert unlike(json.loads(out), release) == {}
