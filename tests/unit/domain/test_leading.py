"""Where a link leads: the table of what is said of one key to whoever opens its link."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain import leading
from orchestrator.domain.actions import Hold
from orchestrator.domain.announcements import Stage
from orchestrator.domain.leading import Standing, running_or_next, view_of
from orchestrator.domain.links import LinkView
from orchestrator.domain.policies import Mode, Occurrence
from orchestrator.domain.records import Dormancy, KeyState, Role
from orchestrator.domain.rooms import Observed, Occupancy
from orchestrator.domain.situation import Gone, Kept, Unwanted, Use, Wanted, Wish
from tests import builders as a
from tests.builders import KEY, NAME, NOW, ROOM

DAY = timedelta(days=1)
WANTED = Wanted(a.desired())
UNWANTED = Unwanted("its subject is gone from /srv/secret/teams.yaml")
LINK = f"https://meet.test/{ROOM}"
OPEN = LinkView(Stage.OPEN, NAME, room_link=LINK)
USED = replace(OPEN, inside=Occupancy.OCCUPIED)
UNSEEN = LinkView(Stage.WAITING, NAME, room_link=LINK, note=leading.UNSEEN)
WAITING = LinkView(Stage.WAITING, NAME)
NOBODY = KeyState(KEY)
PAST = NOW - timedelta(seconds=1)


@pytest.mark.parametrize("wish", [WANTED, Kept(a.desired(), "bad file"), UNWANTED, None])
@pytest.mark.parametrize("role", [Role.CURRENT, Role.ENDING])
def test_a_room_that_lives_is_led_to_whatever_is_wanted(wish: Wish | None, role: Role) -> None:
    """People meet there until it ends."""
    standing = Standing(a.state(a.room(role=role)), wish)
    assert view_of(standing, NOW) == OPEN


@pytest.mark.parametrize("role", [Role.SUPERSEDED, Role.DUPLICATE])
def test_a_room_that_is_not_given_out_is_never_led_to(role: Role) -> None:
    """It was replaced, or was never announced."""
    assert view_of(Standing(a.state(a.room(role=role)), WANTED), NOW) == WAITING


def test_the_current_room_goes_before_one_that_is_let_go() -> None:
    """Whichever stands first."""
    rooms = (a.room("old", role=Role.ENDING), a.room())
    assert view_of(Standing(a.state(*rooms), WANTED), NOW) == OPEN


@pytest.mark.parametrize(
    ("sight", "occupancy", "view"),
    [
        pytest.param(a.observed(), Occupancy.UNKNOWN, OPEN, id="seen"),
        pytest.param(a.observed(is_available=False), Occupancy.UNKNOWN, WAITING, id="ended"),
        pytest.param(a.observed(expires_at=PAST), Occupancy.EMPTY, WAITING, id="past its end"),
        pytest.param(a.observed(expires_at=PAST), Occupancy.OCCUPIED, USED, id="still used"),
        pytest.param(Gone("404", unlisted=True), Occupancy.UNKNOWN, UNSEEN, id="nowhere"),
        pytest.param(Gone("404", unlisted=False), Occupancy.UNKNOWN, OPEN, id="one word of one"),
    ],
)
def test_what_the_api_shows_counts(
    sight: Observed | Gone, occupancy: Occupancy, view: LinkView
) -> None:
    """A single answer without it does not."""
    standing = Standing(
        a.state(a.room()), WANTED, sights={ROOM: sight}, uses={ROOM: Use(occupancy)}
    )
    assert view_of(standing, NOW) == view


@pytest.mark.parametrize(
    ("use", "inside"),
    [
        pytest.param(Use(Occupancy.OCCUPIED, heard=True), Occupancy.OCCUPIED, id="heard inside"),
        pytest.param(Use(Occupancy.EMPTY), Occupancy.EMPTY, id="listed without anybody"),
        pytest.param(Use(Occupancy.EMPTY, heard=True), Occupancy.UNKNOWN, id="nothing heard"),
        pytest.param(Use(), Occupancy.UNKNOWN, id="not known"),
    ],
)
def test_p05_guests_are_told_that_nobody_is_inside_by_the_api_alone(
    use: Use, inside: Occupancy
) -> None:
    """P5: a callback that was lost is no empty room."""
    standing = Standing(a.state(a.room()), WANTED, uses={ROOM: use})
    view = view_of(standing, NOW)
    assert view == replace(OPEN, inside=inside)


@pytest.mark.parametrize(
    ("expires_at", "view"), [(None, OPEN), (NOW + DAY, OPEN), (NOW, WAITING)], ids=str
)
def test_what_was_not_seen_yet_is_as_it_was_left(expires_at: object, view: LinkView) -> None:
    """After a start, until the first listing."""
    room = a.room(expires_at=expires_at)  # type: ignore[arg-type]
    assert view_of(Standing(a.state(room), WANTED), NOW) == view


@pytest.mark.parametrize(
    ("by", "note"),
    [
        ("settle", leading.AWAY),
        ("back-off", leading.AWAY),
        ("weather", leading.AWAY),
        ("credentials", leading.AWAY),
        ("canary", leading.AWAY),
        ("brake", leading.ASKED),
        ("look-alike", leading.ASKED),
        ("conflict", leading.ASKED),
        ("stranger", leading.ASKED),
        ("doubt", leading.NOT_KNOWN),
        ("mode", leading.OBSERVED),
        ("frozen", leading.LATER),
        ("window", leading.LATER),
        ("suspended", leading.PAUSED),
        ("dormant", leading.DORMANT),
        ("first-listing", ""),
    ],
)
def test_p11_what_stands_before_a_room_is_said_for_guests(by: str, note: str) -> None:
    """P11: its own reason names files, rooms and keys of others, and stays with us."""
    hold = Hold(by, "room 481 of /srv/secret.yaml")
    view = view_of(Standing(NOBODY, WANTED, holds=(hold,)), NOW)
    assert view == LinkView(Stage.WAITING, NAME, note=note)


def test_in_observe_no_room_is_promised() -> None:
    """Whatever else stands before it."""
    view = view_of(Standing(NOBODY, WANTED, Mode.OBSERVE, (Hold("weather", ""),)), NOW)
    assert view == LinkView(Stage.WAITING, NAME, note=leading.OBSERVED)


def test_a_dormant_room_says_who_can_open_it() -> None:
    """It is never made again by itself, and nobody who comes can."""
    standing = Standing(a.state(dormant=Dormancy(NOW, NOW)), WANTED)
    assert view_of(standing, NOW) == LinkView(Stage.IDLE, NAME, note=leading.DORMANT)


def test_what_is_not_wanted_has_ended_or_never_was() -> None:
    """The link of what never was is as good as a wrong one."""
    ended = a.state(generation=1, wish=a.desired())
    assert view_of(Standing(ended, UNWANTED), NOW) == LinkView(
        Stage.CLOSED, NAME, note=leading.ENDED
    )
    assert view_of(Standing(a.state(generation=1), UNWANTED), NOW) == LinkView(
        Stage.CLOSED, note=leading.ENDED
    )
    assert view_of(Standing(NOBODY, UNWANTED), NOW) is None


def test_where_it_is_not_known_what_is_wanted_nothing_ended() -> None:
    """P4: unknown is not empty."""
    assert view_of(Standing(NOBODY, None), NOW) == LinkView(Stage.WAITING, note=leading.NOT_KNOWN)


def occurrence(hours: int) -> Occurrence:
    """An hour that starts some hours from now."""
    starts = NOW + timedelta(hours=hours)
    return Occurrence(starts - DAY, starts, starts + timedelta(hours=2), starts + DAY)


@pytest.mark.parametrize(
    ("starts", "chosen"),
    [((), None), ((1, 2), "1"), ((2, 1), "1"), ((-1, 1), "-1"), ((-2, -1, 1), "-1"), ((0,), "0")],
    ids=str,
)
def test_a_series_leads_to_what_goes_on_or_starts_next(
    starts: tuple[int, ...], chosen: str | None
) -> None:
    """Of several that go on to the one that began last."""
    found = running_or_next([(str(one), occurrence(one)) for one in starts], NOW)
    assert (found and found[0]) == chosen
