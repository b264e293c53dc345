"""The documentation site in a browser: every page of it, as `nox -s docs` builds it."""

import importlib
import re
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

import pie_client
from pie_client import errors
from tests.site.visits import Visit, crawl
from tests.support.repository import ROOT


@pytest.fixture(scope="module")
def visits(browser: Browser, address: str) -> dict[str, Visit]:
    """What the browser found on each page, by path."""
    return crawl(browser, address)


def test_every_page_is_reached_from_the_home_page(visits: dict[str, Visit], folder: Path) -> None:
    built = {f"/{path.parent.relative_to(folder).as_posix()}/" for path in folder.rglob("index.html")}
    assert {path.replace("/./", "/") for path in built} == visits.keys()
    assert {visit.status for visit in visits.values()} == {200}
    pages = {path.stem for path in ROOT.glob("docs/*.md")} - {"index"}
    outside = {"start", "contributing", "changelog", "schema", "vectors"}
    assert {f"/{page}/" for page in pages | outside} <= visits.keys()


def test_no_page_logs_a_complaint_or_asks_another_host(visits: dict[str, Visit]) -> None:
    assert {path: visit.complaints for path, visit in visits.items() if visit.complaints} == {}


def test_every_link_leads_to_a_page_a_heading_or_a_file(
    visits: dict[str, Visit], address: str, folder: Path
) -> None:
    broken: list[str] = []
    anchors = 0
    for visit in visits.values():
        for link in visit.links:
            if not link.startswith(address):
                continue
            url, anchor = urldefrag(link)
            path = urlsplit(url).path
            anchors += bool(anchor)
            if path in visits:
                if anchor and unquote(anchor) not in visits[path].ids:
                    broken.append(f"{visit.path}: no heading {link}")
            elif not (folder / path[1:]).is_file():
                broken.append(f"{visit.path}: no file {link}")
    assert broken == []
    assert anchors > 1000


def test_no_page_is_wider_than_a_phone(visits: dict[str, Visit]) -> None:
    assert {path: visit.too_wide for path, visit in visits.items() if visit.too_wide} == {}


def test_every_picture_is_shown(visits: dict[str, Visit]) -> None:
    assert [picture for visit in visits.values() for picture in visit.pictures if not picture[1]] == []
    assert any(visit.pictures for visit in visits.values())


def test_every_code_block_of_the_repository_is_on_its_page(visits: dict[str, Visit]) -> None:
    for source in ROOT.glob("docs/*.md"):
        fences = re.findall(r"^ *```", source.read_text(encoding="utf-8"), re.M)
        path = "/" if source.stem == "index" else f"/{source.stem}/"
        assert visits[path].blocks == len(fences) / 2, source.name


def exported_by(module: ModuleType) -> set[str]:
    names: list[str] = module.__all__
    return {*names}


def test_the_reference_has_every_public_name(visits: dict[str, Visit]) -> None:
    public = exported_by(pie_client)
    names = {f"pie_client.{name}" for name in public - {"__version__"}}
    modules = {*dir(pie_client), "sync"} - public
    assert modules >= {"errors", "models", "testing"}
    assert exported_by(errors) < public
    for module in modules - {"errors"}:
        exported = exported_by(importlib.import_module(f"pie_client.{module}"))
        names |= {f"pie_client.{module}.{name}" for name in exported}
    assert len(names) > 150
    reference = {
        name for path, visit in visits.items() if path.startswith("/reference/") for name in visit.ids
    }
    assert names - reference == set()
    assert {"pie_client.PieClient.launch_process", "pie_client.Process.result"} <= reference


def test_the_search_finds_first_what_answers_the_question(page: Page, address: str) -> None:
    page.goto("/")
    page.get_by_role("button", name="Search").click()
    for words, place in {
        "timeout": "/timeouts/",
        "cancel": "/timeouts/",
        "kill": "/usage/",
        "login": "/usage/",
        "stream": "/start/",
        "retry": "/reconnecting/",
        "reconnect": "/reconnecting/",
        "proxy": "/proxies-and-tls/",
        "ssl": "/proxies-and-tls/",
        "jupyter": "/notebooks/",
        "migrate": "/migrating/",
        "journal": "/map/",
        "terminate_on_exit": "/reference/client/",
        "SlowConsumerError": "/reference/errors/",
    }.items():
        page.keyboard.press("Control+a")
        page.keyboard.type(words)
        first = page.get_by_role("option").first
        expect(first, words).to_have_attribute("href", re.compile(f"^{address}{place}"), timeout=30_000)


def test_the_chart_of_the_figures_is_below_their_table(page: Page) -> None:
    page.goto("/performance/")
    table = page.get_by_role("table").filter(has_text="picows").first.bounding_box()
    chart = page.get_by_role("img", name="How many times better this client is")
    expect(chart).to_be_visible()
    assert chart.evaluate("image => image.complete && image.naturalWidth > 0")
    box = chart.bounding_box()
    assert table
    assert box
    assert table["y"] + table["height"] <= box["y"] < table["y"] + table["height"] + 100
