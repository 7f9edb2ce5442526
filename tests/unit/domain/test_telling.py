"""What a destination is told next, and what is remembered of an attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain import telling
from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.keys import Key
from orchestrator.domain.pages import Page, Severity
from orchestrator.domain.telling import Blow, Failure, Step, Wanted
from orchestrator.foundation.secret import Secret

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
PAGE = Page("pagerduty", "q1", "0" * 16, title="Down", severity=Severity.CRITICAL)
MINUTE = timedelta(minutes=1)


def wanted(stage: Stage = Stage.OPEN, *, host: bool = False, **changes: object) -> Wanted:
    told = Announcement("room-1", 0, stage, "teams", "teams/a", "A", "https://r/a", room_id="r1")
    return Wanted(replace(told, **changes), "teams/a", host=host)  # type: ignore[arg-type]


FRESH = Delivery("slack", "room-1", "teams/a", NOW)
TOLD = replace(FRESH, shown=wanted().digest, stage=Stage.OPEN, revision=1, handle="h")
TRIED = replace(FRESH, attempts=1, tried=wanted(Stage.WAITING).digest, revision=1)


@pytest.mark.parametrize(
    ("row", "what", "edits", "step"),
    [
        pytest.param(FRESH, wanted(), True, Step.SEND, id="a new link"),
        pytest.param(FRESH, wanted(Stage.CLOSED), True, Step.DROP, id="over before it was told"),
        pytest.param(TRIED, wanted(Stage.CLOSED), True, Step.SEND, id="over, and may stand there"),
        pytest.param(TOLD, wanted(), True, Step.NOTHING, id="as it was told"),
        pytest.param(TOLD, wanted(title="B"), True, Step.CHANGE, id="changed"),
        pytest.param(
            replace(TOLD, tried=wanted(title="B").digest),
            wanted(),
            True,
            Step.CHANGE,
            id="as it was told, and something else may stand there",
        ),
        pytest.param(TOLD, wanted(title="B"), False, Step.NOTHING, id="changed, without edits"),
        pytest.param(TOLD, wanted(Stage.CLOSED), True, Step.CHANGE, id="over"),
        pytest.param(TOLD, wanted(Stage.CLOSED), False, Step.CHANGE, id="over, without edits"),
        pytest.param(
            replace(FRESH, passed_over=True), wanted(), True, Step.NOTHING, id="passed over"
        ),
        pytest.param(
            replace(FRESH, passed_over=True),
            wanted(Stage.CLOSED),
            True,
            Step.DROP,
            id="passed over, and over",
        ),
    ],
)
def test_the_next_step(row: Delivery, what: Wanted, edits: bool, step: Step) -> None:
    """From what was told and what stands."""
    assert telling.step(row, what, edits=edits) is step


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(wanted(revision=7), True, id="its number"),
        pytest.param(wanted(host_link=Secret("x")), True, id="a host link that is minted anew"),
        pytest.param(wanted(host=True), False, id="a host link beside it"),
        pytest.param(wanted(stage=Stage.CLOSED), False, id="its stage"),
        pytest.param(wanted(note="Soon over."), False, id="its note"),
        pytest.param(wanted(link="https://r/b"), False, id="its link"),
        pytest.param(wanted(starts_at=NOW), False, id="its start"),
        pytest.param(wanted(page=PAGE), False, id="a page"),
    ],
)
def test_what_counts_as_another_state(other: Wanted, same: bool) -> None:
    """What people would see."""
    assert (other.digest == wanted().digest) is same


def test_labels_and_body_of_a_page_change_no_message() -> None:
    """They move all the time; its title and severity count."""
    one = wanted(page=PAGE)
    assert wanted(page=replace(PAGE, labels={"a": "b"}, raw={"x": 1})).digest == one.digest
    assert wanted(page=replace(PAGE, severity=Severity.LOW)).digest != one.digest


def test_a_host_link_belongs_to_a_room_that_goes_on() -> None:
    """Not to a link that waits, nor to one that is over."""
    assert wanted(host=True).with_host
    assert not wanted(host=True, room_id="").with_host
    assert not wanted(Stage.CLOSED, host=True).with_host
    assert not wanted().with_host


def test_ids_are_lawful_and_another_one_for_another_episode() -> None:
    """Letters, digits, - and _; hostile subjects, too."""
    one = telling.announcement_id(Key("teams", "a b/../ü"))
    assert one.replace("-", "").isalnum()
    assert one.isascii()
    assert telling.announcement_id(Key("teams", "a b/../ü"), 2) == f"{one}-2"
    assert telling.announcement_id(Key("teams", "c")) != one


def test_an_attempt_is_counted_before_it_leaves() -> None:
    """A kill in the middle is known of by it."""
    row = telling.trying(FRESH, wanted())
    assert (row.attempts, row.revision, row.tried) == (1, 1, wanted().digest)
    again = telling.trying(row, wanted(title="B"))
    assert (again.attempts, again.revision, again.tried) == (2, 1, wanted().digest)


def test_a_change_has_another_number_while_it_says_something_else() -> None:
    """The same words again have the same number."""
    first = telling.trying(TOLD, wanted(title="B"))
    assert first.revision == 2
    assert telling.trying(first, wanted(title="B")).revision == 2
    assert telling.trying(first, wanted(title="C")).revision == 3


def test_what_was_taken_is_remembered() -> None:
    """With what is needed to tell its end."""
    row = telling.told(FRESH, telling.trying(FRESH, wanted()), wanted(), "h", edits=True)
    assert row == replace(TOLD, title="A", link="https://r/a")
    end = wanted(Stage.CLOSED)
    assert telling.told(row, telling.trying(row, end), end, "h", edits=True).ended


@pytest.mark.parametrize("edits", [True, False])
def test_a_first_message_that_may_stand_there_in_other_words(edits: bool) -> None:
    """A change follows, where there are changes: the first one may be what people see."""
    row = telling.trying(TRIED, wanted())
    told = telling.told(TRIED, row, wanted(), "h", edits=edits)
    assert telling.step(told, wanted(), edits=edits) is (Step.CHANGE if edits else Step.NOTHING)
    assert telling.trying(told, wanted()).revision == 2
    end = wanted(Stage.CLOSED)
    told = telling.told(TRIED, telling.trying(TRIED, end), end, "h", edits=edits)
    assert told.ended is not edits


def failure(blow: Blow, retry_after: float | None = None) -> Failure:
    return Failure(blow, "away", retry_after)


def test_waits_grow_and_are_never_longer_than_told() -> None:
    """From a second, doubling to five minutes; what is asked for counts up to a quarter hour."""
    waits = [telling.pause("slack", count) for count in (1, 2, 3, 9, 10, 50)]
    least = [timedelta(seconds=one) for one in (1, 2, 4, 256, 300, 300)]
    assert all(low <= wait <= low * 1.25 for low, wait in zip(least, waits, strict=True))
    assert telling.pause("slack", 1, 30.0) >= timedelta(seconds=30)
    assert telling.pause("slack", 1, 1e9) <= timedelta(minutes=15) * 1.25
    assert telling.pause("slack", 1, -5.0) <= timedelta(seconds=1.25)


def test_a_failure_is_remembered_with_when_to_come_back() -> None:
    """And what surely was not taken leaves nothing to look for."""
    row = telling.failed(
        FRESH, telling.trying(FRESH, wanted()), wanted(), failure(Blow.NOT_TAKEN), NOW, edits=True
    )
    assert (row.tried, row.fault, row.failing_since, row.attempts) == ("", "away", NOW, 1)
    assert row.next_at is not None
    assert not row.ended
    row = telling.failed(
        FRESH, telling.trying(FRESH, wanted()), wanted(), failure(Blow.UNANSWERED), NOW, edits=True
    )
    assert row.tried == wanted().digest


def test_a_change_that_failed_keeps_its_number() -> None:
    """Where it is not a further message."""
    change = wanted(title="B")
    row = telling.trying(TOLD, change)
    kept = telling.failed(TOLD, row, change, failure(Blow.NOT_TAKEN), NOW, edits=True)
    assert telling.trying(kept, change).revision == 2
    kept = telling.failed(TOLD, row, change, failure(Blow.NOT_TAKEN), NOW, edits=False)
    assert kept.tried == ""


def test_what_is_refused_ends_at_once() -> None:
    """However young it is."""
    row = telling.failed(
        FRESH, telling.trying(FRESH, wanted()), wanted(), failure(Blow.REFUSED), NOW, edits=True
    )
    assert row.given_up
    assert row.next_at is None


@pytest.mark.parametrize(
    ("what", "least"),
    [(wanted(page=PAGE), timedelta(minutes=30)), (wanted(), timedelta(hours=24))],
    ids=["page", "room"],
)
def test_what_is_too_late_is_given_up(what: Wanted, least: timedelta) -> None:
    """After a last try when its time is over; a destination that asks for more gets it."""
    row = telling.trying(replace(FRESH, attempts=20), what)
    late = NOW + least - MINUTE
    before = telling.failed(FRESH, row, what, failure(Blow.NOT_TAKEN), late, edits=True)
    assert before.next_at == NOW + least
    asked = telling.failed(FRESH, row, what, failure(Blow.NOT_TAKEN, 600.0), late, edits=True)
    assert asked.next_at is not None
    assert asked.next_at > NOW + least
    after = telling.failed(FRESH, row, what, failure(Blow.NOT_TAKEN), NOW + least, edits=True)
    assert after.given_up
    assert telling.overdue(FRESH, what, "away", late) is None
    given_up = telling.overdue(FRESH, what, "away", NOW + least)
    assert given_up is not None
    assert given_up.given_up
    assert telling.overdue(TOLD, what, "away", NOW + 2 * least) is None


def test_a_change_has_a_day_from_its_first_failure() -> None:
    """Not from when the message was first to be told."""
    later = NOW + timedelta(days=30)
    row = telling.failed(
        TOLD,
        telling.trying(TOLD, wanted(title="B")),
        wanted(title="B"),
        failure(Blow.NOT_TAKEN),
        later,
        edits=True,
    )
    assert not row.ended
    assert telling.deadline(row, page=True) == later + timedelta(days=1)
    assert telling.deadline(TOLD, page=True) == NOW + timedelta(days=1)


def test_an_end_by_a_further_message_is_not_risked_twice() -> None:
    """Nobody knows whether it was told; the message is over all the same."""
    row = telling.unsure(telling.trying(TOLD, wanted(Stage.CLOSED)))
    assert (row.ended, row.given_up, row.stage) == (True, False, Stage.CLOSED)


def test_what_was_given_up_is_taken_up_with_its_time_anew() -> None:
    """What may have been taken earlier still is another attempt."""
    gone = replace(FRESH, fault="away", ended=True, attempts=3)
    assert telling.taken_up(gone, NOW + MINUTE) == replace(FRESH, begun_at=NOW + MINUTE)
    gone = replace(gone, tried="x")
    assert telling.taken_up(gone, NOW).attempts == 3


@pytest.mark.parametrize(
    ("row", "held", "until"),
    [
        pytest.param(FRESH, False, None, id="at once"),
        pytest.param(FRESH, True, NOW + timedelta(seconds=30), id="it waits for its room"),
        pytest.param(replace(FRESH, attempts=1), True, None, id="it was tried"),
        pytest.param(replace(TOLD, next_at=NOW + MINUTE), True, NOW + MINUTE, id="after a failure"),
        pytest.param(replace(TOLD, next_at=NOW), False, None, id="its time has come"),
        pytest.param(
            replace(TOLD, next_at=NOW + timedelta(days=300)), False, None, id="by a wrong clock"
        ),
    ],
)
def test_until_when_a_message_is_held(row: Delivery, held: bool, until: datetime | None) -> None:
    """Or not at all."""
    assert telling.held_until(row, replace(wanted(), held=held), NOW) == until
