"""What a browser finds on each page of the site, in a window as narrow as a phone: a second width would double the time."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, ViewportSize

PHONE: ViewportSize = {"width": 390, "height": 844}

READ = """() => {
    const urls = (selector, attribute) => [...document.querySelectorAll(selector)].map(e => e[attribute])
    return {
        links: urls("a[href]", "href"),
        pictures: [...document.images].map(i => [i.src, i.naturalWidth]),
        ids: [...document.querySelectorAll("[id], a[name]")].map(e => e.id || e.name),
        blocks: document.querySelectorAll("article pre code").length,
    }
}"""
WIDE = """() => {
    const width = document.documentElement.clientWidth
    const scrolls = e => e && (["auto", "scroll"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement))
    const found = [...document.querySelectorAll("article *")]
        .filter(e => e.getBoundingClientRect().right > width + 1 && !scrolls(e.parentElement))
        .map(e => e.outerHTML.slice(0, 100))
    const all = document.documentElement.scrollWidth
    return all > width ? [...found, `the page is ${all} px wide`] : found
}"""
"""Returns what is cut off at the right, or makes the page scroll sideways; what scrolls by itself may be wider."""


@dataclass
class Visit:
    """What the browser found on a page."""

    path: str
    status: int = 0
    links: list[str] = field(default_factory=list[str])
    pictures: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    ids: set[str] = field(default_factory=set[str])
    blocks: int = 0
    complaints: list[str] = field(default_factory=list[str])
    """Records of the console, exceptions, failed requests, and requests to other hosts."""
    too_wide: list[str] = field(default_factory=list[str])
    """What makes the page scroll sideways on a phone."""


def crawl(browser: Browser, address: str) -> dict[str, Visit]:
    """Open every page that links lead to from the home page; return what is found by path."""
    visits: dict[str, Visit] = {}
    context = browser.new_context(base_url=address, viewport=PHONE, reduced_motion="reduce")
    page = context.new_page()
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        if path in visits:
            continue
        visits[path] = visit = _visit(page, path, address)
        waiting += {
            urlsplit(link).path for link in visit.links if link.startswith(address) and _is_page(link)
        }
    context.close()
    return visits


def _is_page(link: str) -> bool:
    return "." not in urlsplit(link).path.rpartition("/")[2]


def _visit(page: Page, path: str, address: str) -> Visit:
    visit = Visit(path)

    def console(message: ConsoleMessage) -> None:
        visit.complaints.append(f"{message.type}: {message.text}")

    def request(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            visit.complaints.append(f"request to another host: {request.url}")

    def response(response: Response) -> None:
        if response.status >= 400:
            visit.complaints.append(f"HTTP status {response.status}: {response.url}")

    def error(error: Exception) -> None:
        visit.complaints.append(f"exception: {error}")

    listeners: dict[Any, Any] = {
        "console": console,
        "request": request,
        "response": response,
        "pageerror": error,
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    answer = page.goto(path, wait_until="load")
    visit.status = answer.status if answer else 0
    found = page.evaluate(READ)
    visit.links, visit.ids, visit.blocks = found["links"], set(found["ids"]), found["blocks"]
    visit.pictures = [(source, width) for source, width in found["pictures"]]
    visit.too_wide = page.evaluate(WIDE)
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return visit
