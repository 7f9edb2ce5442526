"""docs/integrations: what is to be pasted is lawful, and reads the messages of its sender."""

import json
import re
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

import pytest

from orchestrator.config.destinations import DestinationForm
from orchestrator.config.reader import understand
from orchestrator.config.sources.settings import SourceSettings
from orchestrator.domain.pages import Closed, Ignored, Opened, Severity, Signal, Updated
from orchestrator.edges.intake.options import Declaration, Options
from orchestrator.edges.intake.sources import Kind
from orchestrator.foundation.selecting import compile_select
from tests.webhooks import read, sample, tree

DOCS: Final = Path(__file__).parents[2] / "docs" / "integrations"
BLOCK: Final = re.compile(r"^```yaml\n(sources:\n.*?)^```", re.DOTALL | re.MULTILINE)
CONFIG: Final = "owner: a\nmode: observe\nmeetings: {embedded: true}\nhttp: {listen: '[::1]:1'}\n"
PASTED: Final = [
    pytest.param(page.stem, block, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, block in enumerate(BLOCK.findall(page.read_text("utf-8")))
]


def sources(text: str) -> dict[str, SourceSettings]:
    """The sources of a text that is pasted into a config."""
    found = understand(Path("/srv/config.yaml"), (CONFIG + text).encode())
    assert found.problems == ()
    assert found.warnings == ()
    assert found.settings is not None
    return dict(found.settings.sources)


@pytest.mark.parametrize(("page", "block"), PASTED)
def test_what_is_to_be_pasted_is_lawful(page: str, block: str) -> None:
    """As it stands, and with each line that is left out by a sign before it."""
    assert sources(block), page
    lines = block.splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith("# "):
            taken = [*lines[:number], line.replace("# ", "", 1), *lines[number + 1 :]]
            assert sources("\n".join(taken) + "\n")


def test_every_type_of_source_has_its_page_and_every_page_is_listed() -> None:
    """So that nobody looks in vain."""
    told = "\n".join(BLOCK.findall("\n".join(p.read_text("utf-8") for p in DOCS.glob("*.md"))))
    assert set(re.findall(r"type: ([a-z-]+)", told)) >= set(map(str, Kind))
    index = (DOCS / "README.md").read_text("utf-8")
    for page in DOCS.glob("*.md"):
        if page.name != "README.md":
            assert f"({page.name}" in index, f"{page.name} is not in the list"
        for link in re.findall(r"\]\(([a-z-]+\.md)", page.read_text("utf-8")):
            assert (DOCS / link).exists(), f"{page.name}: {link}"


DESTINATIONS: Final = re.compile(r"^```yaml\n(destinations:\n.*?)^```", re.DOTALL | re.MULTILINE)
DELIVERED: Final = [
    pytest.param(page.stem, block, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, block in enumerate(DESTINATIONS.findall(page.read_text("utf-8")))
]


def destinations(text: str) -> set[str]:
    """The types of the destinations of a text that is pasted into a config."""
    config = CONFIG.replace("'[::1]:1'", "'[::1]:1', public_url: 'https://rooms.example.com'")
    found = understand(Path("/srv/config.yaml"), (config + text).encode())
    assert found.problems == ()
    assert found.warnings == ()
    return set(re.findall(r"type: ([a-z-]+)", text))


@pytest.mark.parametrize(("page", "block"), DELIVERED)
def test_what_is_to_be_pasted_for_a_destination_is_lawful(page: str, block: str) -> None:
    """As it stands, and with each line that is left out by a sign before it."""
    assert destinations(block), page
    lines = block.splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith("# "):
            taken = [*lines[:number], line.replace("# ", "", 1), *lines[number + 1 :]]
            assert destinations("\n".join(taken) + "\n")


def test_every_type_of_destination_has_its_page_and_stands_in_the_example() -> None:
    """With everything that the example leaves out by a sign before it."""
    kinds = {
        get_args(form.model_fields["type"].annotation)[0]
        for form in get_args(get_args(DestinationForm)[0])
    }
    told = set().union(*(destinations(str(page.values[1])) for page in DELIVERED))
    assert told >= kinds - {"file", "calendar", "static"}
    example = (DOCS.parents[1] / "config.example.yaml").read_text("utf-8")
    section = example[example.index("\ndestinations:\n") + 1 :].partition("\n\n")[0]
    taken = re.sub(r"(?m)^  # (?=[ a-z]+[a-z-]*:)", "  ", section)
    assert destinations(taken.partition("\nalerts:")[0] + "\n") >= kinds


def options(page: str) -> Options:
    """How the first source of a page reads."""
    (settings, *_) = sources(BLOCK.findall((DOCS / f"{page}.md").read_text("utf-8"))[0]).values()
    assert settings.kind == "json"
    select = {name: compile_select(text) for name, text in settings.select.items()}
    return Options(
        severities=settings.severities,
        declaration=Declaration(MappingProxyType(select), settings.once, settings.delivery_header),
    )


def told(page: str, body: bytes | dict[str, Any], **headers: str) -> Signal:
    """What a message tells, read as its page says."""
    return read(Kind.JSON, body, headers, options(page))


def test_firehydrant() -> None:
    """By the milestone, not by each of its many changes."""
    opened = told("firehydrant", sample("firehydrant-incident-created"))
    assert isinstance(opened, Opened)
    page = opened.page
    assert (page.title, page.number) == ("Checkout failing in eu1", "733")
    assert page.severity is Severity.CRITICAL
    assert page.opened_at is not None
    closed = told("firehydrant", sample("firehydrant-incident-resolved"))
    assert isinstance(closed, Closed)
    assert closed.digest == page.digest
    body = tree("firehydrant-incident-resolved")
    body["data"]["incident"]["current_milestone"] = "mitigated"
    assert isinstance(told("firehydrant", body), Updated)
    body["data"]["incident"]["current_milestone"] = None
    assert isinstance(told("firehydrant", body), Updated)
    body["data"]["incident"]["conference_bridges"] = [{"url": "https://zoom.example/1"}]
    signal = told("firehydrant", body)
    assert isinstance(signal, Updated)
    assert signal.page.bridge == "https://zoom.example/1"
    body["event"]["resource_type"] = "change_event"
    assert isinstance(told("firehydrant", body), Ignored)


def test_rootly() -> None:
    """In three ways it is over; the id of a message is not that of the event alone."""
    opened = told("rootly", sample("rootly-incident-created"))
    assert isinstance(opened, Opened)
    page = opened.page
    assert (page.title, page.number) == ("Checkout failing in eu1", "57")
    assert page.url == "https://root.ly/x7q2zk"
    closed = told("rootly", sample("rootly-incident-resolved"))
    assert isinstance(closed, Closed)
    assert closed.digest == page.digest
    assert closed.closed_at is not None
    assert closed.delivery != opened.delivery
    body = tree("rootly-incident-created")
    kinds: dict[str, type[Signal]] = {
        "incident.cancelled": Closed,
        "incident.deleted": Closed,
        "incident.updated": Updated,
        "alert.created": Ignored,
    }
    for event, kind in kinds.items():
        body["event"]["type"] = event
        assert isinstance(told("rootly", body), kind)
    body["event"]["type"] = "incident.created"
    body["data"] |= {"zoom_meeting_join_url": "https://zoom.example/1", "kind": "normal"}
    signal = told("rootly", body)
    assert isinstance(signal, Opened)
    assert signal.page.bridge == "https://zoom.example/1"
    body["data"]["kind"] = "test"
    assert isinstance(told("rootly", body), Ignored)


def test_splunk_on_call() -> None:
    """With the template that its page shows, and with a message that breaks it."""
    opened = told("splunk-on-call", sample("splunk-oncall-custom-triggered"))
    assert isinstance(opened, Opened)
    assert (opened.page.key, opened.page.service) == ("5521", "checkout-eu1/error-budget-burn")
    assert opened.page.opened_at is not None
    closed = told("splunk-on-call", sample("splunk-oncall-custom-resolved"))
    assert isinstance(closed, Closed)
    assert closed.digest == opened.page.digest
    shown = re.search(
        r"```json\n(.*?)```", (DOCS / "splunk-on-call.md").read_text("utf-8"), re.DOTALL
    )
    assert shown is not None
    assert json.loads(shown[1]) == tree("splunk-oncall-custom-template")
    filled = sample("splunk-oncall-custom-template").decode()
    filled = filled.replace("${{STATE.INCIDENT_NAME}}", "5521")
    filled = filled.replace("${{STATE.CURRENT_ALERT_PHASE}}", "UNACKED")
    for text in ('a "quoted" one', 'x", "phase": "RESOLVED', "two\nlines", '", "incident": "1"'):
        signal = told("splunk-on-call", filled.replace("${{ALERT.state_message}}", text).encode())
        assert isinstance(signal, Opened)
        assert signal.page.digest == opened.page.digest


def test_github_style() -> None:
    """A run that failed, the same that went well after all, and a ping."""
    run = {"id": 7, "conclusion": "failure", "head_branch": "main", "name": "build"}
    run |= {"html_url": "https://github.example/7", "run_number": 42}
    body = {"action": "completed", "workflow_run": run, "repository": {"full_name": "a/b"}}
    opened = told("github-style", body, **{"X-GitHub-Delivery": "d-1"})
    assert isinstance(opened, Opened)
    assert (opened.page.title, opened.page.number) == ("a/b build", "42")
    assert (opened.delivery, opened.once) == ("d-1", False)
    closed = told("github-style", body | {"workflow_run": run | {"conclusion": "success"}})
    assert isinstance(closed, Closed)
    assert closed.digest == opened.page.digest
    assert isinstance(told("github-style", {"zen": "…", "hook_id": 1}), Ignored)
