"""PagerDuty: what opens and closes, merges, echoes of our own writes, and keys that are missing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.pages import Closed, Ignored, Opened, Severity, Signal, Updated, digest_of
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.sources import Kind
from tests.webhooks import SOURCE, read, sample, tree

INCIDENT = "Q2K7XH0P4ZT9VN"
TRIGGERED = "pagerduty-v3-incident-triggered"


def told(name: str, **headers: str) -> Signal:
    """What a sample tells."""
    return read(Kind.PAGERDUTY, sample(name), headers)


def changed(name: str = TRIGGERED, event: Any = None, **incident: Any) -> Signal:
    """What a sample tells with other values in its incident, or another type."""
    body = tree(name)
    body["event"]["data"] |= incident
    if event is not None:
        body["event"]["event_type"] = event
    return read(Kind.PAGERDUTY, body)


def test_a_triggered_incident_opens() -> None:
    """With all that people know it by."""
    signal = told(TRIGGERED)
    assert isinstance(signal, Opened)
    page = signal.page
    assert (page.key, page.digest) == (INCIDENT, digest_of(SOURCE, INCIDENT))
    assert page.title == "Checkout-Fehlerrate über 14 % in eu1"
    assert (page.service, page.team, page.number) == ("checkout-api", "Payments", "4182")
    assert page.url == f"https://nordlicht-handel.pagerduty.com/incidents/{INCIDENT}"
    assert page.severity is Severity.CRITICAL
    assert page.labels["escalation_policy"] == "Payments primary"
    assert page.opened_at == datetime(2026, 11, 22, 15, 58, 41, tzinfo=UTC)
    assert page.raw == tree(TRIGGERED)
    assert (signal.once, signal.reopens) == (True, False)
    assert signal.delivery == "01JD9Q4S7V0M5W2X8Y6ZB3C1NA"


def test_the_id_of_a_message_is_that_of_its_header() -> None:
    """The same at every attempt; the event's own id where there is none."""
    signal = told(TRIGGERED, **{"X-Webhook-Id": "w-1"})
    assert signal.delivery == "w-1"


def test_reopened_says_so() -> None:
    """The same incident, open again since then."""
    signal = told("pagerduty-v3-incident-reopened")
    assert isinstance(signal, Opened)
    assert signal.reopens
    assert signal.page.key == INCIDENT
    assert signal.page.opened_at == datetime(2026, 11, 22, 16, 41, tzinfo=UTC)


def test_resolved_closes() -> None:
    """Without a merge it leads nowhere else."""
    signal = told("pagerduty-v3-incident-resolved")
    assert isinstance(signal, Closed)
    assert (signal.key, signal.reason, signal.merged_into) == (INCIDENT, "resolved", "")
    assert signal.closed_at == datetime(2026, 11, 22, 16, 33, 12, 880_000, tzinfo=UTC)


def test_a_merge_leads_to_the_incident_that_it_went_into() -> None:
    """Nobody is sent out of a room: the link leads on."""
    signal = told("pagerduty-v3-incident-resolved-merged")
    assert isinstance(signal, Closed)
    assert signal.reason == "merged"
    assert signal.merged_into == digest_of(SOURCE, "Q0M3RGTPAR3NT1")
    assert signal.digest == digest_of(SOURCE, INCIDENT)


@pytest.mark.parametrize("reason", [None, {}, "x", {"type": "merge_resolve_reason"}, {"type": 1}])
def test_a_resolve_reason_that_names_no_incident_is_no_merge(reason: object) -> None:
    """It closes all the same."""
    signal = changed("pagerduty-v3-incident-resolved-merged", resolve_reason=reason)
    assert isinstance(signal, Closed)
    assert signal.merged_into == ""


@pytest.mark.parametrize(
    ("name", "event", "why"),
    [
        pytest.param("pagerduty-v3-pagey-ping", None, "a ping", id="ping"),
        pytest.param("pagerduty-v3-conference-bridge-updated", None, "our own", id="bridge"),
        pytest.param(TRIGGERED, "incident.annotated", "our own", id="note"),
        pytest.param(TRIGGERED, "service.updated", "opens and closes nothing", id="service"),
        pytest.param(TRIGGERED, "something.new", "opens and closes nothing", id="new"),
        pytest.param(TRIGGERED, 7, "opens and closes nothing", id="number"),
    ],
)
def test_what_is_ignored(name: str, event: object, why: str) -> None:
    """Tests, echoes of our own writes, and what concerns nobody."""
    signal = changed(name, event)
    assert isinstance(signal, Ignored)
    assert why in signal.why


@pytest.mark.parametrize("event", ["acknowledged", "escalated", "priority_updated", "new_word"])
def test_what_an_incident_goes_through_is_an_update(event: str) -> None:
    """It never opens a room."""
    signal = changed(event=f"incident.{event}")
    assert isinstance(signal, Updated)
    assert signal.page.key == INCIDENT
    assert isinstance(changed(event=f"incident.{event}", type="incident_note"), Ignored)
    nameless = changed(event=f"incident.{event}", id=None, self=None, html_url=None)
    assert isinstance(nameless, Ignored)


def test_an_incident_without_its_id_is_found_by_its_addresses() -> None:
    """So that what closes it finds the same page."""
    for gone in ({"id": None}, {"id": None, "self": None}, {"id": {}, "html_url": 7}):
        opened = changed(**gone)
        closed = changed("pagerduty-v3-incident-resolved", **gone)
        assert isinstance(opened, Opened)
        assert isinstance(closed, Closed)
        assert opened.page.digest == closed.digest == digest_of(SOURCE, INCIDENT)


def test_an_opening_without_any_name_is_still_one() -> None:
    """A page is never lost: the body itself is its name, the same when it is sent again."""
    gone: dict[str, Any] = {"id": None, "self": None, "html_url": None}
    first, again = changed(**gone, incident_key=None), changed(**gone, incident_key=None)
    assert isinstance(first, Opened)
    assert isinstance(again, Opened)
    assert first.page.key.startswith("body:")
    assert first.page.digest == again.page.digest
    keyed = changed(**gone)
    assert isinstance(keyed, Opened)
    assert keyed.page.key == "checkout-eu1/error-budget-burn"
    closed = changed("pagerduty-v3-incident-resolved", **gone)
    assert isinstance(closed, Ignored)
    assert "does not say which" in closed.why


@pytest.mark.parametrize(
    ("priority", "urgency", "severity"),
    [
        ({"summary": "P1"}, "low", Severity.CRITICAL),
        ({"summary": " sev-2 "}, "low", Severity.HIGH),
        ({"summary": "Tier Zero"}, "low", Severity.CRITICAL),  # by the source's own table
        ({"summary": "Whatever"}, "high", Severity.HIGH),
        (None, "low", Severity.LOW),
        (None, None, Severity.UNKNOWN),
        ("P1", "severe_based_on_support_hours", Severity.UNKNOWN),
    ],
)
def test_severity(priority: object, urgency: object, severity: Severity) -> None:
    """The priority tells most, then the urgency; the source's own words come first."""
    body = tree(TRIGGERED)
    body["event"]["data"] |= {"priority": priority, "urgency": urgency}
    options = Options(severities={"tier zero": Severity.CRITICAL})
    signal = read(Kind.PAGERDUTY, body, options=options)
    assert isinstance(signal, Opened)
    assert signal.page.severity is severity


def test_a_conference_that_is_there_already_is_told() -> None:
    """A policy may use it instead of a room; what is no address is none."""
    bridge = {"conference_url": "https://meet.example/x", "conference_number": None}
    signal = changed(conference_bridge=bridge)
    assert isinstance(signal, Opened)
    assert signal.page.bridge == "https://meet.example/x"
    for other in ("javascript:alert(1)", "tel:+49", 7, None, "https://" + "x" * 1_000):
        signal = changed(conference_bridge={"conference_url": other})
        assert isinstance(signal, Opened)
        assert signal.page.bridge == ""
