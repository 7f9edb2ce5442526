"""One message a cause: begun, edited, ended."""

from datetime import timedelta

from orchestrator.domain.alerts import Alert, Cause, Step, compare
from tests.builders import NOW

LATER = NOW + timedelta(hours=1)
API = Alert("api", "it is away", NOW)
BRAKE = Alert("brake", "4 would end", NOW)
STANDING = {"api": API, "brake": BRAKE}


def test_a_cause_begins_once() -> None:
    after, steps = compare({}, [Cause("api", "it is away")], NOW)
    assert steps == [(Step.BEGAN, API)]
    assert compare(after, [Cause("api", "it is away")], LATER) == (after, [])


def test_a_message_that_changes_is_the_same_alert() -> None:
    after, steps = compare(STANDING, [Cause("api", API.message), Cause("brake", "5")], LATER)
    assert steps == [(Step.CHANGED, Alert("brake", "5", NOW))]
    assert list(after.values()) == [API, Alert("brake", "5", NOW)]


def test_a_cause_that_is_gone_ends_and_begins_anew() -> None:
    after, steps = compare(STANDING, [Cause("brake", BRAKE.message)], LATER)
    assert steps == [(Step.ENDED, API)]
    again, _ = compare(after, [Cause("api", "it is away")], LATER)
    assert again["api"].since == LATER


def test_messages_of_one_cause_stand_together() -> None:
    after, _ = compare(
        {}, [Cause("policy a", "one"), Cause("api", "x"), Cause("policy a", "two")], NOW
    )
    assert [(one.cause, one.message) for one in after.values()] == [
        ("policy a", "one  two"),
        ("api", "x"),
    ]
