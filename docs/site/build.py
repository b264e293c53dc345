"""Build the documentation site into build/site: `nox -s docs`, or `python docs/site/build.py` with the group `docs` installed.

The pages are those that are read in the repository too. They are copied, links between them are changed to where the site has
them, pages for the names that the package exports are added, and Zensical makes HTML of all. Any warning fails.
"""

import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath
from types import ModuleType

import tomli_w

import pie_client

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent
ROOT = DOCS.parent
OUT = ROOT / "build" / "site"
PAGES = OUT / "pages"

PLACES = {
    "README.md": "start.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
    "CHANGELOG.md": "changelog.md",
    "schema/README.md": "schema.md",
    "schema/vectors/README.md": "vectors.md",
}
"""Where the site has pages that are not in docs/."""
UNSEARCHED = {
    *("changelog.md", "contributing.md", "releasing.md", "vectors.md"),
    *(f"reference/{page}.md" for page in ("calls", "models", "sync")),
}
"""Pages that the search leaves out. They repeat names of other pages, which would come after them."""
REFERENCE = {
    "client": ("PieClient", re.compile("PieClient")),
    "process": ("Process", re.compile("Process")),
    "map": ("Map", re.compile("Map.*|OnError")),
    "events": ("Events", re.compile(".*Event")),
    "errors": ("Errors", re.compile(".*(Error|Warning)")),
    "connection": ("Connection", re.compile("Connection.*|Reconnect|ServerInfo|Family")),
    "programs": ("Programs", re.compile("[Ii]nferlet|Runner|.*[Mm]anifest.*")),
    "keys": ("Keys", re.compile("Agent.*|agent_keys|ParsedPrivateKey|Signer")),
    "calls": ("Calls", re.compile("Calls")),
    "other": ("Other names", re.compile(".*")),
}
"""Pages of the reference of `pie_client`, and the names on them: each is on the first page whose pattern it has."""
HEADING = """::: pie_client.{page}
    options:
      heading_level: 1
      members: false
      show_root_full_path: true

"""
LINK = re.compile(r"^```.*?^```$|(?<=\]\()(?P<target>[^)#:\s]+)(?=[)#])", re.DOTALL | re.MULTILINE)
"""A link to a file, or a block of code, which may have what looks like one."""


def main() -> None:
    """Write the pages and the configuration, and build the site."""
    shutil.rmtree(OUT, ignore_errors=True)
    places = {ROOT / path: page for path, page in PLACES.items()}
    for page in (*REFERENCE, *modules()):
        for module in (f"{page}.py", f"{page}/__init__.py"):
            places[ROOT / "src" / "pie_client" / module] = f"reference/{page}.md"
    places |= {path: path.relative_to(DOCS).as_posix() for path in DOCS.glob("*.md")}
    for source, page in [*places.items()]:
        if source.suffix == ".md":
            write(page, moved(source, page, places))
    shutil.copy(HERE / "site.css", PAGES)
    configuration = tomllib.loads((HERE / "zensical.toml").read_text("utf-8"))
    configuration["project"]["nav"] = [
        section if "Reference" not in section else {"Reference": reference()}
        for section in configuration["project"]["nav"]
    ]
    settings = tomli_w.dumps(configuration)
    (OUT / "zensical.toml").write_text(settings, "utf-8")
    pages = sorted(path.relative_to(PAGES).as_posix() for path in PAGES.rglob("*.md"))
    if missing := [page for page in pages if f'"{page}"' not in settings]:
        sys.exit(f"add {', '.join(missing)} to nav in docs/site/zensical.toml")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=OUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    sys.stdout.write(done.stdout)
    # Not all warnings of what Zensical calls are its own.
    if done.returncode or "warning" in done.stdout.lower():
        sys.exit("the site was not built without warnings")


def write(page: str, text: str) -> None:
    """Write a page."""
    path = PAGES / page
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = "---\nsearch:\n  exclude: true\n---\n\n" if page in UNSEARCHED else ""
    path.write_text(settings + text, "utf-8")


def moved(source: Path, page: str, places: dict[Path, str]) -> str:
    """Return the text of a page with links to where the site has their targets. Files that are no pages are copied there."""

    def new(link: re.Match[str]) -> str:
        if link["target"] is None:
            return link[0]
        target = (source.parent / link["target"]).resolve()
        if target not in places:
            if not target.is_file():
                sys.exit(f"{source.relative_to(ROOT)} links to {link['target']}, which is not a file")
            place = target.relative_to(DOCS if target.is_relative_to(DOCS) else ROOT).as_posix()
            (PAGES / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(target, PAGES / place)
            places[target] = place
        return PurePosixPath(os.path.relpath(places[target], PurePosixPath(page).parent)).as_posix()

    return LINK.sub(new, source.read_text("utf-8"))


def exported_by(module: ModuleType) -> list[str]:
    """Return the names that a module exports, without its version."""
    names: list[str] = module.__all__
    return sorted({*names} - {"__version__"})


def modules() -> list[str]:
    """Return the names of the public modules of the package: those that say what they export."""
    package = ROOT / "src" / "pie_client"
    files = [*package.glob("[a-z]*.py"), *package.glob("[a-z]*/__init__.py")]
    public = [file for file in files if "__all__" in file.read_text("utf-8")]
    return sorted(file.parent.name if file.name == "__init__.py" else file.stem for file in public)


def reference() -> list[dict[str, str]]:
    """Write the pages of the reference; return their titles and places."""
    names: dict[str, list[str]] = {page: [] for page in REFERENCE}
    for name in exported_by(pie_client):
        names[next(page for page, (_, of) in REFERENCE.items() if of.fullmatch(name))].append(name)
    pages = {page: (title, "pie_client", names[page]) for page, (title, _) in REFERENCE.items()}
    for page in (name for name in modules() if name not in pages):
        module = importlib.import_module(f"pie_client.{page}")
        pages[page] = (module.__name__, module.__name__, exported_by(module))
    for page, (title, package, exported) in pages.items():
        if exported == [title]:
            text = f"::: {package}.{title}\n    options:\n      heading_level: 1\n"
        else:
            heading = HEADING.format(page=page) if page in modules() else f"# {title}\n\n"
            text = heading + "".join(f"::: {package}.{name}\n\n" for name in exported)
        write(f"reference/{page}.md", text)
    return [{title: f"reference/{page}.md"} for page, (title, _, _) in pages.items()]


if __name__ == "__main__":
    main()
