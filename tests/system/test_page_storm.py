"""Pages as they come when everything burns: doubled, shuffled, closed early, by the thousand.

The daemon is killed while they come and while their links are told.  The oracles are the Meetings
server's own table and a receiver of webhooks.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.system.clocks import WallClock, sets_clocks
from tests.system.installation import server_table
from tests.system.paging import Message, Paged, Traffic, paged, sending, subject_of
from tests.system.torture_oracle import glance, own_mistakes

PAGES: Final = 200
TEN: Final = "ten-times-at-once"
# Kills while pages come, by the share of messages that were acknowledged, and while links are told,
# by the share of the open pages that somebody was told of.
KILLS_OF_TAKING: Final = (0.05, 0.3, 0.6, 0.9)
KILLS_OF_TELLING: Final = (0.4, 0.7)
OPENED: Final = "2026-11-20T10:00:00Z"
CLOSED: Final = "2026-11-20T10:20:00Z"
GROUPS: Final = 1000
STORM: Final = 10


def source_of(number: int) -> str:
    """PagerDuty signs, our own door asks for a token: half of the pages come by each."""
    return "pagerduty" if number % 2 else "own"


def is_closed(number: int) -> bool:
    return number % 4 < 2


def messages_of(own: Paged, number: int) -> list[Message]:
    """All messages of one page: its opening up to thrice, its closing up to twice, if at all."""
    key = f"P{number:03}"
    opens, closes = 1 + (number % 3 == 0) + (number % 7 == 0), 1 + (number % 5 == 0)
    if source_of(number) == "pagerduty":
        opening = own.pagerduty(key, "triggered", number, OPENED)
        closing = own.pagerduty(key, "resolved", PAGES + number, CLOSED)
    else:
        opening = own.generic(key, "open", OPENED)
        closing = own.generic(key, "close", CLOSED)
    return [opening] * opens + [closing] * (closes if is_closed(number) else 0)


def killed(own: Paged, traffic: Traffic, chance: random.Random, total: int) -> None:
    """Kill the daemon at each of the moments, and begin it anew, without a word to anybody."""

    def taken(part: float) -> Callable[[], bool]:
        return lambda: traffic.acknowledged >= part * total

    def told(part: float) -> Callable[[], bool]:
        return lambda: len(own.receiver.of("room.opened")) >= part * PAGES / 2

    for has_come in (*map(taken, KILLS_OF_TAKING), *map(told, KILLS_OF_TELLING)):
        with own.own.daemon(ready=False) as process:
            own.own.until(
                lambda: has_come() or process.poll() is not None,  # noqa: B023 - used in this turn
                "the moment of a kill",
            )
            time.sleep(chance.uniform(0, 0.05))
            assert process.poll() is None, own.own.log
            process.kill()
            process.wait()


@pytest.mark.timeout(300)
@sets_clocks
def test_p06_pages_doubled_shuffled_and_closed_early_with_sigkill_in_between(
    tmp_path: Path,
) -> None:
    """One current room for each open page, none for a closed one, no link told twice as new.

    Eleven minutes later, by the clocks of both processes, only rooms with people in them live.
    """
    chance = random.Random(5)
    wanted = {subject_of("own", TEN)} | {
        subject_of(source_of(number), f"P{number:03}")
        for number in range(PAGES)
        if not is_closed(number)
    }
    with paged(tmp_path, "close: {after: 0s}\n", slow=0.02) as own:
        shuffled = [one for number in range(PAGES) for one in messages_of(own, number)]
        chance.shuffle(shuffled)
        messages = [*[own.generic(TEN, "open", OPENED)] * 10, *shuffled]
        with own.server("--latency", "0.03s"):
            with sending(own.url, messages) as traffic:
                killed(own, traffic, chance, len(messages))
                with own.own.daemon():
                    own.own.until(lambda: traffic.acknowledged == len(messages), "all are taken")
                    own.own.until(lambda: is_told(own, wanted), "all is told")
                    own.own.until(lambda: is_at_rest(own), "nothing is left to do")
                    current = one_room_each(own, wanted)
                    links_lead_there(own, current)
            assert traffic.odd == []
            for subject, room in current.items():
                if subject != subject_of("own", TEN):
                    own.joined(room)
            made = len(own.table())
        environ = WallClock.made(tmp_path, timedelta(minutes=11)).environ
        joined = {room for subject, room in current.items() if subject != subject_of("own", TEN)}
        with own.server(environ=environ), own.own.daemon(environ=environ):
            own.own.until(lambda: own.own.ask("status", "--json").json["listed_at"], "a listing")
            own.own.until(lambda: living_rooms(own) == joined, "the rooms without people ended")
            own.own.until(lambda: is_at_rest(own), "nothing is left to do")
            assert (living_rooms(own), len(own.table())) == (joined, made)
        assert own_mistakes(sorted(own.own.folder.glob("life-*.log"))) == []
        assert own.own.ask("audit", "verify", "--json").json["whole"] is True


def is_told(own: Paged, wanted: set[str]) -> bool:
    """Of each open page that its room is open, of each other that it is over, if anything."""
    last = own.receiver.last()
    return wanted <= last.keys() and all(
        event.data["stage"] == ("open" if subject in wanted else "closed")
        for subject, event in last.items()
    )


def is_at_rest(own: Paged) -> bool:
    """No act is under way, no room waits to be ended, and all is in the audit log."""
    return glance(own.own.store, own.own.audit).is_at_rest


def living_rooms(own: Paged) -> set[str]:
    """The ids of the rooms that live by the server's own table."""
    return {room for rooms in own.living().values() for room in rooms}


def one_room_each(own: Paged, wanted: set[str]) -> dict[str, str]:
    """The current room of each page that is open, by the page; nothing else may be current.

    The server was honest, so that nothing but the current rooms may live there either.
    """
    states = glance(own.own.store, own.own.audit).states.values()
    current = [
        (state.key.subject.rpartition("-")[0], state.current.id)
        for state in states
        if state.current is not None
    ]
    assert Counter(subject for subject, _ in current) == Counter(wanted)
    assert own.living() == {subject: [room] for subject, room in current}
    return dict(current)


def links_lead_there(own: Paged, current: dict[str, str]) -> None:
    """Each link was told as new once, by signed messages, and leads to the page's room."""
    assert own.receiver.refused == []
    new = own.receiver.of("room.opened")
    assert {subject: ids for subject, ids in new.items() if len(ids) > 1} == {}
    last, tokens = own.receiver.last(), {row["id"]: row["guest_token"] for row in own.table()}
    for subject, room in current.items():
        assert last[subject].data["room_id"] == room
        status, leads_to, _ = own.follow(last[subject].data["link"])
        assert status == 303
        assert tokens[room] in leads_to


# --- storms ---------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_p06_a_thousand_alert_groups_share_rooms(tmp_path: Path) -> None:
    """One POST each, within five minutes: ten have rooms, and 990 share that of the first."""
    policy = f"storm: {{more_than: {STORM}, within: 5m}}\nclose: {{after: 0s}}\n"
    with paged(tmp_path, policy) as own, own.server(), own.own.daemon():
        firing = [own.alertmanager(f"group-{number}") for number in range(GROUPS)]
        with sending(own.url, firing) as traffic:
            own.own.until(lambda: traffic.acknowledged == GROUPS, "all are taken")
        assert traffic.odd == []
        own.own.until(lambda: len(own.table()) == STORM, "the rooms are made")
        own.own.until(lambda: len(own.receiver.of("room.opened")) == STORM, "their links are told")
        own.own.until(lambda: is_at_rest(own), "nothing is left to do")
        assert len(own.facts_of_opening()) == GROUPS
        (first,) = {event.subject for event in own.receiver.events if "share" in event.data["note"]}
        own.own.until(
            lambda: f"{GROUPS - STORM} more pages" in own.receiver.last()[first].data["note"],
            "the first one says how many share it",
        )
        (room,) = own.living()[first]
        token = next(row["guest_token"] for row in own.table() if row["id"] == room)
        for number in (0, STORM, GROUPS // 2, GROUPS - 1):
            status, leads_to, _ = own.follow(own.link_of("alertmanager", f"group-{number}"))
            assert status == 303
            assert number < GROUPS // 2 or token in leads_to
        resolved = [own.alertmanager(f"group-{number}", "resolved") for number in range(GROUPS)]
        with sending(own.url, resolved) as traffic:
            own.own.until(lambda: traffic.acknowledged == GROUPS, "all are taken")
        own.own.until(lambda: not own.living(), "no room is left")
        assert len(server_table(own.database)) == STORM
        assert {len(ids) for ids in own.receiver.of("room.opened").values()} == {1}
        assert len(own.receiver.of("room.opened")) == STORM
