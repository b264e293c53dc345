"""The built documentation site, served on loopback and opened in a browser."""

import os
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

SITE = os.environ.get("SITE")
"""Folder of the built site. `nox -s docs` sets it; other sessions have no browser."""

if SITE is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from playwright.sync_api import Browser, Page, sync_playwright

    CHROMIUM = (
        *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    )

    class Handler(SimpleHTTPRequestHandler):
        """Serves files without a log."""

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    @pytest.fixture(scope="session")
    def folder() -> Path:
        """Folder of the built site."""
        return Path(str(SITE)).resolve()

    @pytest.fixture(scope="session")
    def address(folder: Path) -> Iterator[str]:
        """Address of the served site, without a slash at its end."""
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()

    @pytest.fixture(scope="session")
    def browser() -> Iterator[Browser]:
        """Chromium of the system."""
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=CHROMIUM)
            yield browser
            browser.close()

    @pytest.fixture
    def page(browser: Browser, address: str) -> Iterator[Page]:
        """An empty page of a new browser profile."""
        context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
        yield context.new_page()
        context.close()
