"""Grafana OnCall, Opsgenie, incident.io and GoAlert: what opens, closes, and is a test."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.pages import (
    Closed,
    Ignored,
    Opened,
    Page,
    Severity,
    Signal,
    Updated,
    digest_of,
)
from orchestrator.edges.intake.sources import Kind
from tests.webhooks import SOURCE, kind_of, read, sample, tree

CREATED = "grafana-oncall-alert-group-created"
INCIDENT = "incidentio-incident-created"
STATUS = "incidentio-incident-status-updated-closed"


def told(name: str, **headers: str) -> Signal:
    """What a sample tells."""
    return read(kind_of(name), sample(name), headers)


def page_of(signal: Signal) -> Page:
    """The page of an opening."""
    assert isinstance(signal, Opened)
    return signal.page


# --- Grafana OnCall -------------------------------------------------------------------------------


def oncall(event: object = "alert group created", **fields: Any) -> Signal:
    """An event of an alert group, with other values at its top."""
    return read(Kind.ONCALL, tree(CREATED) | {"event": {"type": event}} | fields)


def test_an_alert_group_opens_and_closes() -> None:
    """By the id that is never used again."""
    page = page_of(told(CREATED))
    assert (page.key, page.title) == ("IZ4QK7B2M9XTC", "Login latency p99 (eu-north)")
    assert (page.service, page.team) == ("Identity - Grafana", "identity")
    assert page.url.endswith("/alert-groups/IZ4QK7B2M9XTC")
    assert page.labels == {"alertname": "Login latency p99", "region": "eu-north"} | {
        "team": "identity"
    }
    closed = told("grafana-oncall-resolve")
    assert isinstance(closed, Closed)
    assert (closed.digest, closed.once) == (page.digest, True)
    assert closed.closed_at == datetime(2026, 11, 22, 16, 20, 44, 18_220, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("alert group created", Opened),
        ("Alert Group Created", Opened),
        ("escalation", Opened),
        ("unresolve", Opened),
        ("resolve", Closed),
        ("acknowledge", Updated),
        ("personal notification", Updated),
        ("silence", Updated),
        ("something new", Updated),
        ("", Ignored),
        (None, Ignored),
        (["resolve"], Ignored),
    ],
)
def test_what_happens_to_an_alert_group(event: object, kind: type[Signal]) -> None:
    """`unresolve` alone says that it was closed."""
    signal = oncall(event)
    assert isinstance(signal, kind)
    if isinstance(signal, Opened):
        assert signal.reopens is (event == "unresolve")


@pytest.mark.parametrize(
    "labels",
    [
        {"team": "t", "severity": "critical"},
        [{"key": "team", "value": "t"}, {"key": {"name": "severity"}, "value": {"name": "P1"}}, 7],
    ],
)
def test_labels_are_a_mapping_or_a_list(labels: object) -> None:
    """The one with the feature that they belong to, the other without."""
    page = page_of(oncall(alert_group={"labels": labels}))
    assert (page.team, page.severity) == ("t", Severity.CRITICAL)


def test_an_alert_group_is_found_wherever_its_id_is() -> None:
    """At the top, in the group, in its last alert, in its address; failing all, by the body."""
    group = tree(CREATED)["alert_group"]
    keys = {page_of(oncall(alert_group_id=None)).key}
    keys.add(page_of(oncall(alert_group_id=None, alert_group=group | {"id": None})).key)
    keys.add(
        page_of(oncall(alert_group_id=None, alert_group={"permalinks": group["permalinks"]})).key
    )
    assert keys == {"IZ4QK7B2M9XTC"}
    nameless: dict[str, Any] = {"alert_group_id": None, "alert_group": None}
    assert page_of(oncall(**nameless)).key.startswith("body:")
    assert isinstance(oncall("resolve", **nameless), Ignored)
    assert isinstance(oncall("acknowledge", **nameless), Ignored)


# --- Opsgenie -------------------------------------------------------------------------------------


def opsgenie(action: object, **alert: Any) -> Signal:
    """An action on the alert of the sample, with other values."""
    body = tree("opsgenie-create") | {"action": action}
    body["alert"] |= alert
    return read(Kind.OPSGENIE, body)


def test_an_alert_opens_once_and_closes() -> None:
    """By its id: the alias is used again."""
    signal = told("opsgenie-create")
    page = page_of(signal)
    assert page.key == "b7f1c2d4-9e30-4a86-8f57-1d2e3c4b5a69-1795363121317"
    assert (page.number, page.service) == ("1907", "checkout-api")
    assert page.severity is Severity.CRITICAL
    assert page.labels["tags"] == "payments, eu1"
    assert page.opened_at == datetime(2026, 11, 22, 15, 58, 41, 317_000, tzinfo=UTC), "ms"
    closed = told("opsgenie-close")
    assert isinstance(closed, Closed)
    assert closed.digest == page.digest
    assert closed.closed_at is not None
    assert closed.closed_at.replace(microsecond=0) == datetime(
        2026, 11, 22, 16, 33, 12, tzinfo=UTC
    ), "nanoseconds"


@pytest.mark.parametrize(
    ("action", "kind", "reason"),
    [
        ("Create", Opened, ""),
        ("create", Opened, ""),
        ("Close", Closed, "closed"),
        ("Delete", Closed, "deleted"),
        ("Acknowledge", Updated, ""),
        ("UpdatePriority", Updated, ""),
        ("Their own word", Updated, ""),
        ("AddNote", Ignored, ""),
        (None, Ignored, ""),
    ],
)
def test_actions(action: object, kind: type[Signal], reason: str) -> None:
    """The few that count; a note may be our own."""
    signal = opsgenie(action)
    assert isinstance(signal, kind)
    if isinstance(signal, Closed):
        assert signal.reason == reason


def test_an_alert_without_its_id_is_known_by_what_is_left() -> None:
    """Its number, its alias (which may come back), or the body."""
    tiny = opsgenie("Create", alertId=None)
    assert (page_of(tiny).key, tiny) == ("tiny:1907", tiny)
    alias = opsgenie("Create", alertId=None, tinyId=None)
    assert isinstance(alias, Opened)
    assert (alias.page.key, alias.once) == ("alias:checkout-eu1/error-budget-burn", False)
    closed = opsgenie("Close", alertId=None, tinyId=None)
    assert isinstance(closed, Closed)
    assert (closed.digest, closed.once) == (alias.page.digest, False)
    gone: dict[str, Any] = {"alertId": None, "tinyId": {}, "alias": ""}
    assert page_of(opsgenie("Create", **gone)).key.startswith("body:")
    assert isinstance(opsgenie("Close", **gone), Ignored)
    assert isinstance(opsgenie("Acknowledge", **gone), Ignored)


# --- incident.io ----------------------------------------------------------------------------------


def incident(kind: str, **fields: Any) -> Signal:
    """An event about the incident of the sample, with other values."""
    about = tree(INCIDENT)["public_incident.incident_created_v2"] | fields
    return read(Kind.INCIDENTIO, {"event_type": kind, kind: about})


def status(now: object, before: object = "live", **more: Any) -> Signal:
    """A change of the incident's status."""
    kind = "public_incident.incident_status_updated_v2"
    body = tree(STATUS)
    body[kind] |= {"new_status": {"category": now}, "previous_status": {"category": before}}
    body[kind]["incident"]["incident_status"] = {"category": now}
    body[kind]["incident"] |= more
    return read(Kind.INCIDENTIO, body)


def test_an_incident_opens_and_closes() -> None:
    """Created it holds the incident, and its status nests it."""
    signal = told(INCIDENT, **{"webhook-id": "msg_1"})
    page = page_of(signal)
    assert (page.key, page.number) == ("01JD9Q4S7V0M5W2X8Y6ZB3C1NA", "INC-418")
    assert (page.title, page.severity) == ("Checkout failing in eu1", Severity.HIGH)
    assert (page.url, page.bridge) == ("https://app.incident.io/nordlicht/incidents/418", "")
    assert signal.delivery == "msg_1"
    closed = told(STATUS, **{"svix-id": "msg_2"})
    assert isinstance(closed, Closed)
    assert (closed.digest, closed.reason, closed.delivery) == (page.digest, "closed", "msg_2")


@pytest.mark.parametrize(
    ("now", "before", "kind"),
    [
        *((word, "live", Closed) for word in ("closed", "canceled", "declined", "merged")),
        ("learning", "live", Updated),
        ("live", "triage", Updated),
        ("live", "closed", Opened),
        ("", "closed", Updated),
    ],
)
def test_categories(now: str, before: str, kind: type[Signal]) -> None:
    """Closed in four ways; back again it says so; learning is a policy's affair."""
    signal = status(now, before)
    assert isinstance(signal, kind)
    if isinstance(signal, Opened):
        assert signal.reopens


@pytest.mark.parametrize("mode", ["test", "tutorial", "retrospective"])
def test_what_is_not_real_opens_nothing(mode: str) -> None:
    """Created or changed."""
    assert isinstance(incident("public_incident.incident_created_v2", mode=mode), Ignored)
    assert isinstance(status("closed", mode=mode), Ignored)


def test_private_ones_carry_nothing_but_an_id() -> None:
    """A room without a title; what is told later would take the title of nothing away."""
    page = page_of(told("incidentio-private-incident-created"))
    assert (page.key, page.title) == ("01JD9Q4S7V0M5W2X8Y6ZB3PRIV", "")
    kind = "private_incident.incident_updated_v2"
    assert isinstance(read(Kind.INCIDENTIO, {"event_type": kind, kind: {"id": "x"}}), Ignored)


def test_alerts_and_escalations() -> None:
    """One of the three kinds is to be subscribed to; each has its own words for the end."""
    page = page_of(told("incidentio-alert-created"))
    assert (page.title, page.url) == (
        "CheckoutErrorBudgetBurn",
        "https://prom.eu1.nordlicht.example/alerts",
    )
    kind = "public_alert.alert_resolved_v1"
    over = read(Kind.INCIDENTIO, {"event_type": kind, kind: {"id": page.key}})
    assert isinstance(over, Closed)
    assert (over.digest, over.reason) == (page.digest, "resolved")
    kind = "private_escalation.escalation_created_v1"
    page_of(read(Kind.INCIDENTIO, {"event_type": kind, kind: {"id": "e", "title": "E"}}))
    kind = "public_escalation.escalation_status_updated_v1"
    changed = {"event_type": kind, kind: {"id": "e", "status": "acked"}}
    assert isinstance(read(Kind.INCIDENTIO, changed), Updated)
    changed[kind] = {"id": "e", "status": "Resolved"}
    assert isinstance(read(Kind.INCIDENTIO, changed), Closed)


def test_an_incident_without_its_id() -> None:
    """It still opens; what closes nothing says so; what is created closed is closed."""
    kind = "public_incident.incident_created_v2"
    assert page_of(incident(kind, id=None)).key == "INC-418"
    assert page_of(incident(kind, id=7, reference=None)).key == "7"
    nothing = read(Kind.INCIDENTIO, {"event_type": kind})
    assert page_of(nothing).key.startswith("body:")
    assert isinstance(status("closed", id=None), Ignored)
    assert isinstance(incident(kind, incident_status={"category": "closed"}), Closed)
    assert isinstance(incident("public_incident.follow_up_created_v1"), Ignored)


# --- GoAlert --------------------------------------------------------------------------------------


def goalert(**fields: Any) -> Signal:
    """The status of the sample's alert, with other values."""
    return read(Kind.GOALERT, tree("goalert-alert-status-closed") | fields)


def test_an_alert_of_goalert_opens_and_closes() -> None:
    """Its number is a number there and a text here."""
    page = page_of(told("goalert-alert"))
    assert (page.key, page.number, page.service) == ("90417", "90417", "checkout-api")
    closed = told("goalert-alert-status-closed")
    assert isinstance(closed, Closed)
    assert (closed.digest, closed.once) == (page.digest, True)


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("Closed due to inactivity", Closed),
        ("closed by x", Closed),
        ("Acknowledged by x", Updated),
        ("Escalated to step #2", Updated),
        ("Not Closed yet", Updated),
        (None, Updated),
    ],
)
def test_what_became_of_it_is_told_in_prose(entry: object, kind: type[Signal]) -> None:
    """The first word counts."""
    assert isinstance(goalert(LogEntry=entry), kind)


def test_a_bundle_is_the_room_of_its_service() -> None:
    """It names no alert, and nothing ever closes it."""
    signal = told("goalert-alert-bundle")
    assert isinstance(signal, Opened)
    assert not signal.once
    assert signal.page.key == "service:2b9c7f1e-6a34-4d0b-8e51-c3f7a90d1b26"
    assert signal.page.title == "6 alerts of checkout-api"
    bare = read(Kind.GOALERT, {"Type": "AlertBundle"})
    assert page_of(bare).title == "alerts"


@pytest.mark.parametrize(
    ("code", "shown"), [("407193", True), (407194, True), ("40\n7", False), (None, False)]
)
def test_the_code_of_a_verification_is_shown(code: object, shown: bool) -> None:
    """A person has to type it there; only digits are repeated."""
    signal = read(Kind.GOALERT, {"Type": "Verification", "Code": code})
    assert isinstance(signal, Ignored)
    assert bool(re.fullmatch("type the code 40719[34] there", signal.asks)) is shown
    assert bool(signal.asks) is shown


def test_an_alert_of_goalert_is_read_whatever_its_body_is_called() -> None:
    """GoAlert's own is JSON; who tries it by hand may send that as a form."""
    body = json.dumps(tree("goalert-alert-status-closed")).encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert isinstance(read(Kind.GOALERT, body, form), Closed)


def test_tests_and_schedules_of_goalert_open_nothing() -> None:
    """Nor what is new."""
    assert isinstance(told("goalert-test"), Ignored)
    for kind in ("ScheduleOnCallUsers", "AlertStatusBundle", None, 7):
        assert isinstance(read(Kind.GOALERT, {"Type": kind}), Ignored)


def test_an_alert_without_its_number_is_found_by_its_address() -> None:
    """Or it opens by its body."""
    gone = {"AlertID": None}
    assert page_of(goalert(Type="Alert", **gone)).key == "90417"
    closed = goalert(**gone)
    assert isinstance(closed, Closed)
    assert closed.digest == digest_of(SOURCE, "90417")
    assert isinstance(goalert(**gone, GoAlertURL="x"), Ignored)
    assert page_of(goalert(Type="Alert", **gone, GoAlertURL=None)).key.startswith("body:")
