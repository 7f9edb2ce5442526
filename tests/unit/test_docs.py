"""The documents hold: links lead somewhere, commands exist, what is to be pasted is lawful."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.main import get_command

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.cli.main import app
from orchestrator.config.models import ConfigForm
from orchestrator.config.reader import understand
from tests.documents import ROOT, Block, Document, documents
from tools import make_config_docs
from tools.make_site import PARTS, strangers

DOCUMENTS: Final = documents()
BY_NAME: Final = {document.name: document for document in DOCUMENTS}
# What others read: Alertmanager, Prometheus, the list of adopted rooms, the reader of themes.
FOREIGN: Final = frozenset({"route", "rule_files", "authorization", "adopted", "brand_text"})
BASE: Final = (
    "version: 1\nname: a\n"
    "for_each: {items: [{slug: a, name: a}], as: team, key: '{{ team.slug }}'}\n"
    "room: {type: long_term, display_name: a, lifetime: 365d}\n"
)
PROGRAM: Final[Any] = get_command(app)
NO_COMMAND: Final = [["audit", "1"]]  # the first of the six lines that a checkpoint signs
CONFIG: Final = "owner: a\nmode: observe\n"
EMBEDDED: Final = "meetings: {embedded: true}\n"
PUBLIC: Final = "http: {listen: '127.0.0.1:1', public_url: 'https://rooms.example.com'}\n"


def each(language: str) -> list[object]:
    """The blocks of a language, as parameters named by page and line."""
    return [
        pytest.param(block, id=f"{document.name}:{block.line}")
        for document in DOCUMENTS
        for block in document.blocks
        if block.language == language
    ]


# --- links ----------------------------------------------------------------------------------------


def problem_with(document: Document, link: str) -> str:
    """Why a link leads nowhere; empty: it leads somewhere, or to somebody else."""
    if re.match(r"[a-z]+:", link):
        return ""
    path, _, anchor = link.partition("#")
    target = (document.path.parent / path).resolve() if path else document.path
    if not target.exists():
        return "there is no such file"
    if not target.is_relative_to(ROOT) or target.relative_to(ROOT).parts[:1] == ():
        return "it leads out of the repository"
    if target.relative_to(ROOT).parts[0] not in PARTS:
        return "it is no part of the site; name it in tools/make_site.py"
    if not anchor:
        return ""
    name = target.relative_to(ROOT).as_posix()
    if name not in BY_NAME:
        return "only pages have anchors"
    return "" if anchor in BY_NAME[name].anchors() else f"{name} has no heading of that name"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_every_link_leads_somewhere(document: Document) -> None:
    """To a file that is on the site, and to a heading that is there."""
    broken = {link: why for link in document.links() if (why := problem_with(document, link))}
    assert broken == {}


def test_a_link_that_leads_nowhere_is_found() -> None:
    """In each of the ways in which it can."""
    page = BY_NAME["docs/tour.md"]
    assert problem_with(page, "https://example.com/x#y") == ""
    assert problem_with(page, "policies.md#rooms-for-pages") == ""
    assert problem_with(page, "#3-in-force") == ""
    for link in ("nowhere.md", "../orchestrator/__init__.py", "../LICENSE#a", "policies.md#none"):
        assert problem_with(page, link), link


def navigation() -> list[str]:
    """The pages that the site's menu names."""
    told = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    found: list[str] = []
    waiting = list(told["nav"])
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, str):
            found.append(one)
        else:
            waiting += [one] if isinstance(one, str) else list(_values(one))
    return found


def _values(one: object) -> list[object]:
    values = list(one.values()) if isinstance(one, dict) else list(one)  # type: ignore[call-overload]
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]


def test_every_page_is_in_the_menu_of_the_site() -> None:
    """Decisions are in the table of their README instead."""
    named = navigation()
    pages = {name for name in BY_NAME if not name.startswith("docs/decisions/0")}
    assert sorted(named) == sorted(pages), "mkdocs.yml names every page once, and no other"
    index = set(BY_NAME["docs/decisions/README.md"].links())
    decisions = {Path(name).name for name in BY_NAME if name.startswith("docs/decisions/0")}
    assert decisions <= index, "docs/decisions/README.md has a row for each decision"


def test_the_readme_leads_to_the_menu() -> None:
    """Whoever reads the README alone finds the beginning and every part."""
    links = set(BY_NAME["README.md"].links())
    wanted = {"install", "tour", "cookbook", "policies", "configuration", "operations"}
    wanted |= {"incidents", "security", "faq", "audit"}
    assert {f"docs/{name}.md" for name in wanted} <= links


# --- commands -------------------------------------------------------------------------------------


def fault_in(words: list[str]) -> str:
    """What is wrong with a command of ours; values are not looked at."""
    command: Any = PROGRAM
    told = list(words)
    path = "room-orchestrator"
    while told:
        word = told.pop(0)
        if word.startswith("-") and word != "-":
            name, _, joined = word.partition("=")
            options = {
                flag: one for one in command.params for flag in (*one.opts, *one.secondary_opts)
            }
            if name not in {*options, "-h", "--help"}:
                return f"{path} has no option {name}"
            option = options.get(name)
            if option is not None and not option.is_flag and not joined:
                if not told:
                    return f"{path} {name} wants a value"
                told.pop(0)
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return f"{path} has no command {word}"
            command, path = command.commands[word], f"{path} {word}"
        elif all(one.param_type_name == "option" for one in command.params):
            return f"{path} takes no argument such as {word}"
    return ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_every_command_exists_with_its_options(document: Document) -> None:
    """In blocks of a shell, and in the middle of a sentence."""
    told = [words for words in document.commands() if words not in NO_COMMAND]
    wrong = {" ".join(words): why for words in told if (why := fault_in(words))}
    assert wrong == {}


def test_a_command_that_is_not_there_is_found() -> None:
    """By its name, its options and its arguments."""
    assert fault_in(["audit", "search", "x", "--event", "room.deleted", "--since", "30d"]) == ""
    assert fault_in(["--config=x", "rooms", "why", "a/b"]) == ""
    for line in ("rooms delete a/b", "plan --fast", "status --socket", "doctor now"):
        assert fault_in(line.split()), line


def test_every_target_of_make_exists() -> None:
    """That a page tells to run."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", text))
    for document in DOCUMENTS:
        told = "\n".join(block.text for block in document.blocks if block.language == "sh")
        told += "\n".join(re.findall(r"`(make [^`]*)`", document.prose))
        for name in re.findall(r"(?m)^make ([a-z-]+)", told):
            assert name in targets, f"{document.name}: make {name}"


@pytest.mark.parametrize("command", sorted(PROGRAM.commands))
def test_every_command_teaches_by_an_example(command: str) -> None:
    """So does each below it; and what it shows exists."""
    waiting: list[tuple[list[str], Any]] = [([command], PROGRAM.commands[command])]
    while waiting:
        path, one = waiting.pop()
        shown = [words for line in (one.epilog or "").splitlines() for words in _shown(line)]
        assert one.help, path
        assert any(words[: len(path)] == path or len(path) == 1 for words in shown), path
        for words in shown:
            assert fault_in(words) == "", f"{path}: {words}"
        waiting += [([*path, name], inner) for name, inner in getattr(one, "commands", {}).items()]


def _shown(line: str) -> list[list[str]]:
    """The commands of an epilog's line, without the remark behind two blanks."""
    text = re.split(r"\s{2,}", line.strip())[0]
    page = Document(ROOT / "epilog", (Block("sh", "", "", 0, text),), (), "")
    return list(page.commands()) if text.startswith("room-orchestrator") else []


# --- what is to be pasted -------------------------------------------------------------------------


@pytest.mark.parametrize("block", each("yaml"))
def test_what_is_to_be_pasted_is_lawful(block: Block) -> None:
    """Policies whole and in parts, and parts of config.yaml."""
    told = yaml.safe_load(block.text)
    keys = set(told or ())
    if not keys or keys & FOREIGN:
        return
    if {"version", "name"} <= keys:
        problems = problems_of(block.text)
    elif keys <= set(ConfigForm.model_fields):
        text = "".join(
            line
            for line, name in ((CONFIG, "owner"), (EMBEDDED, "meetings"), (PUBLIC, "http"))
            if name not in keys and not (line == CONFIG and "mode" in keys)
        )
        if "mode" in keys:
            text += "owner: a\n"
        if "owner" in keys:
            text += "mode: observe\n"
        problems = understand(Path("/srv/config.yaml"), (text + block.text).encode()).problems
    else:
        base = yaml.safe_load(BASE)
        room = {**base["room"], **told.get("room", {})}
        problems = problems_of(yaml.safe_dump({**base, **told, "room": room}))
    assert [str(problem) for problem in problems] == []


def problems_of(text: str) -> tuple[object, ...]:
    """What is wrong with a policy, whatever its destinations and sources are called."""
    names = frozenset(re.findall(r"to: ([a-z0-9-]+)", text))
    listed = ",".join(re.findall(r"sources: \[([^\]]*)\]", text))
    sources = frozenset(one.strip() for one in listed.split(","))
    archives = frozenset(re.findall(r"archive: ([a-z0-9-]+)", text))
    reader = PolicyReader(
        SandboxedTemplates(), CronCalendar(), names, sources=sources, archives=archives
    )
    return reader.parse("a.yaml", text.encode()).problems


# --- pages made by programs, and the site ---------------------------------------------------------


def test_the_page_of_settings_is_what_the_code_says() -> None:
    """Made again it is the same, and it names every key of the first level and below."""
    page = make_config_docs.page()
    told = make_config_docs.PAGE.read_text(encoding="utf-8")
    assert told == page, "run: make schemas"
    assert make_config_docs.main(["--check"]) == 0
    for name in ConfigForm.model_fields:
        assert f"\n## {name}\n" in page
    assert "| `safety.max_removals` | a whole number, from 0 | `3` |" in page
    assert "| `meetings.private_key` | a secret's place |" in page
    assert "| `sources.NAME.signature.tolerance` | a length of time |" in page


def test_a_site_that_asks_others_is_found(tmp_path: Path) -> None:
    """A script, a font, a picture, a style; not what a click leads to."""
    (tmp_path / "good.html").write_text(
        '<link rel="canonical" href="https://a.example/"><a href="https://b.example/">b</a>'
        '<img src="a.png"><script src="assets/a.js"></script>'
    )
    (tmp_path / "good.css").write_text("@font-face{src:url(a.woff2)} a{background:url('#x')}")
    assert list(strangers(tmp_path)) == []
    (tmp_path / "bad.html").write_text(
        '<script src="//c.example/c.js"></script><link rel="stylesheet" href="https://d.example/d">'
        '<p style="background: url(https://e.example/e.png)"><img src="https://f.example/f.png">'
    )
    (tmp_path / "bad.css").write_text('@import "https://g.example/g.css";')
    assert [one.partition("/")[2][1:2] for one in strangers(tmp_path)] == ["g", "c", "d", "e", "f"]
