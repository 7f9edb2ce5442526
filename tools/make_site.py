"""Builds the documentation as a site, and refuses one that would ask anybody else for anything.

Pages are laid out as they lie in the repository, so that a link means the same on a forge, in an
editor and on the site; what a page links to and is no page (an example, a licence) comes along.  A
warning of MkDocs is an error: a page that is in no menu, a link or an anchor that leads nowhere.

Usage: ``python -m tools.make_site [FOLDER]``; without a folder the site is in site/.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = ROOT / "build" / "pages"
# What is laid out: pages, and what they lead to.
PARTS: Final = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "config.example.yaml",
    "deploy",
    "docs",
    "policies",
)
_LOADS: Final = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}  # tags that fetch without a click, and the attribute that says from where
_HARMLESS: Final = frozenset({"canonical", "alternate", "next", "prev", "author", "license"})
_CSS: Final = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


def lay_out(pages: Path = PAGES) -> None:
    """Copy what the site is made of, over what was there."""
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, pages / part)
        else:
            shutil.copy(source, pages / part)


class _Fetches(HTMLParser):
    """Collects what a browser would fetch of a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "link" and _HARMLESS.intersection((told.get("rel") or "").split()):
            return
        self.found.append(told.get(_LOADS.get(tag, "")) or "")
        self.found += _CSS.findall(told.get("style") or "")


def strangers(site: Path) -> Iterator[str]:
    """What pages of a site would fetch from elsewhere: `page: address`."""
    for path in sorted(site.rglob("*")):
        if path.suffix == ".html":
            text = path.read_text(encoding="utf-8")
            reader = _Fetches()
            reader.feed(text)
            found = reader.found
        elif path.suffix == ".css":
            found = _CSS.findall(path.read_text(encoding="utf-8"))
        else:
            continue
        for address in found:
            if re.match(r"(?:https?:)?//", address):
                yield f"{path.relative_to(site)}: {address}"


def main(arguments: list[str]) -> int:
    """Build it; the exit code."""
    site = Path(arguments[0] if arguments else ROOT / "site").resolve()
    lay_out()
    # The library's own news about a MkDocs that does not exist yet are no warning of ours.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(site)]
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        return 1
    found = list(strangers(site))
    for one in found:
        print(f"{one}: a page may fetch nothing from elsewhere")
    if not found:
        print(f"site: {site / 'index.html'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
