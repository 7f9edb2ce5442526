"""What people read, taken apart: fenced blocks with their titles, headings, links, commands."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PROGRAM: Final = "room-orchestrator"
_FENCE: Final = re.compile(r"^( *)(`{3,}|~{3,})\s*([\w+-]*)(?:\s+title=\"([^\"]*)\")?.*$")
_HEADING: Final = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_LINK: Final = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\))?)\)")
_INLINE: Final = re.compile(r"(`+)(.+?)\1")
_ENDS: Final = frozenset({"|", "||", "&&", ";", ">", ">>", "<", "&", "2>&1"})


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its title, the heading that it stands under, its first line."""

    language: str
    title: str
    heading: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A page in Markdown."""

    path: Path
    blocks: tuple[Block, ...]
    headings: tuple[str, ...]
    prose: str  # without fenced blocks

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    def links(self) -> Iterator[str]:
        """Where its links lead."""
        yield from _LINK.findall(_INLINE.sub("`code`", self.prose))

    def anchors(self) -> set[str]:
        """The names of its headings that a forge and the site agree on."""
        forge, site = _anchors(self.headings, _forge), _anchors(self.headings, _site)
        return set(forge) & set(site)

    def commands(self) -> Iterator[list[str]]:
        """What it says to type of our program: the words after its name."""
        texts = [block.text for block in self.blocks if block.language in {"sh", "bash", "console"}]
        texts += [found[2] for found in _INLINE.finditer(self.prose) if PROGRAM in found[2]]
        for text in texts:
            for line in text.replace("\\\n", " ").splitlines():
                yield from _commands(line)


def documents() -> list[Document]:
    """Every page that people read."""
    paths = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for folder in ("docs", "deploy", "policies"):
        paths += sorted((ROOT / folder).rglob("*.md"))
    return [read(path) for path in paths]


def read(path: Path) -> Document:
    """Take one page apart."""
    blocks: list[Block] = []
    headings: list[str] = []
    prose: list[str] = []
    fence: re.Match[str] | None = None
    inside: list[str] = []
    began = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if fence is not None:
            if line.strip() == fence[2]:
                text = "".join(f"{one.removeprefix(fence[1])}\n" for one in inside)
                told = (fence[3], fence[4] or "", headings[-1] if headings else "", began)
                blocks.append(Block(*told, text))
                fence, inside = None, []
            else:
                inside.append(line)
            continue
        fence = _FENCE.match(line)
        began = number + 1
        if fence is None:
            prose.append(line)
            heading = _HEADING.match(line)
            if heading is not None:
                headings.append(heading[2])
    assert fence is None, f"{path}: a block is not closed"
    return Document(path, tuple(blocks), tuple(headings), "\n".join(prose))


def _anchors(headings: tuple[str, ...], slug: object) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for heading in headings:
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        name = slug(plain)  # type: ignore[operator]
        found.append(name if name not in seen else f"{name}-{seen[name]}")
        seen[name] = seen.get(name, 0) + 1
    return found


def _forge(text: str) -> str:
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _site(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def _commands(line: str) -> Iterator[list[str]]:
    """The commands of ours in one line of a shell, each without the program's name."""
    reader = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    try:
        words = list(reader)
    except ValueError:
        return  # a quote that goes on: text of a file
    first = True
    while words:
        word = words.pop(0)
        if first and word.rpartition("/")[2] == PROGRAM:
            command = []
            while words and not _ends(words[0]):
                command.append(words.pop(0))
            yield [word for word in command if word != "..."]
        first = _ends(word) or word == "sudo"


def _ends(word: str) -> bool:
    """Whether a word ends one command of a shell's line."""
    return word in _ENDS or re.fullmatch("[()<>|&;$]+", word) is not None
