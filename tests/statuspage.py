"""The status page in each of its states: a desk of canned reports, and real facts in a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from orchestrator.domain.facts import ApiCall, Fact
from orchestrator.domain.reports import (
    ENDS_AWAY,
    ENDS_OBSERVED,
    BrakeRow,
    ChangesRow,
    DeliveryRow,
    DirectoryRow,
    FreezeRow,
    HealthReport,
    LoopRow,
    NextAct,
    PlanLine,
    PolicyRow,
    ReadinessReport,
    RecordingsRow,
    RoomRow,
    RoomsReport,
    SenderRow,
    StatusReport,
    ThemeRow,
)
from orchestrator.edges.http.server import HttpServer, Limits, listen, url_of
from orchestrator.edges.http.status import Access, StatusRoutes
from orchestrator.edges.http.status.live import USUAL, Pace
from orchestrator.edges.http.status.routes import EVENTS
from orchestrator.engine.chronicle import EngineChronicle
from orchestrator.foundation.problems import Place, Problem
from orchestrator.foundation.secret import Secret
from orchestrator.ports.store import Commit
from tests.fakes.desk import FakeDesk
from tests.fakes.store import FakeStore
from tests.reports import BRIDGED, NOW, PLAN, ROOMLESS, STATUS, WHY, WITHHELD

NO_ROOMS: Final = RoomsReport(())
TOKEN: Final = "t0ken-of-anna-" + "a" * 32
HOSTILE: Final = '<img src=x onerror="document.title=1"><script>document.title=1</script>\u202eexe'


@dataclass
class Patient:
    """Is as it is told to be."""

    ready: str = ""
    late: tuple[str, ...] = ()

    def health(self) -> HealthReport:
        """Which loops hang."""
        return HealthReport(
            not self.late, tuple(LoopRow(name, 900, 600, True) for name in self.late)
        )

    def readiness(self) -> ReadinessReport:
        """Whether it is ready."""
        return ReadinessReport(not self.ready, self.ready, NOW, 14.0, "ok")


@dataclass
class Stage:
    """A page of ours, and what stands behind it."""

    url: str
    routes: StatusRoutes
    desk: FakeDesk
    store: FakeStore
    patient: Patient
    told: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    now: datetime = NOW

    async def happen(self, *facts: Fact) -> None:
        """Commit facts, now."""
        await self.store.commit(Commit(facts=facts), self.now)

    def show(self, status: StatusReport, rooms: RoomsReport = NO_ROOMS) -> None:
        """Show other reports from now on."""
        self.desk.status_report, self.desk.rooms_report = status, rooms


@asynccontextmanager
async def staged(
    access: Access | None = None,
    *,
    pace: Pace = USUAL,
    host: str = "127.0.0.1",
    showing: bool = True,
) -> AsyncIterator[Stage]:
    """A page that answers, with nothing to show yet."""
    desk = FakeDesk(FRESH, PLAN, RoomsReport(()), WHY, None)  # type: ignore[arg-type] # never asked
    store, patient = FakeStore(), Patient()
    listener = listen(host, 0)
    stage = Stage(url_of(listener), None, desk, store, patient)  # type: ignore[arg-type] # below
    given = access or Access(tokens={"anna": Secret(TOKEN)})
    stage.routes = StatusRoutes(given, lambda: stage.now, pace)
    server = HttpServer(
        stage.routes.routes(),
        lambda event, fields: stage.told.append((event, fields)),
        Limits(newcomers=0.0),
        lasting=(EVENTS,),
    )
    async with server.serving(listener):
        if not showing:
            yield stage
            return
        with stage.routes.showing(desk, EngineChronicle(store), patient):
            yield stage


# --- states ---------------------------------------------------------------------------------------

FRESH: Final = StatusReport(
    owner="nordlicht-4c1e",
    mode="enforce",
    config="/etc/room-orchestrator/config.yaml",
    version="0.1.0",
    started_at=NOW - timedelta(seconds=40),
    now=NOW,
    api="http://127.0.0.1:8441",
    api_state="not asked yet",
    api_last_good=None,
)
HEALTHY: Final = replace(
    STATUS,
    needs_you=(),
    problems=(),
    brakes=(),
    behind={},
    held=(),
    suspended=(),
    dormant=(),
    pages=(),
    page_states={},
    policies=(
        PolicyRow("all-hands", "all-hands.yaml", "77aa", 1, 1),
        PolicyRow("people", "people.yaml", "31aa", 4600, 4600),
        PolicyRow("team-rooms", "team-rooms.yaml", "9c1e", 400, 400),
    ),
)
KEYS: Final = tuple(f"team-rooms/{name}" for name in ("checkout", "payments", "search", "identity"))
HELD_KEYS: Final = tuple(sorted((*KEYS, *(f"team-rooms/t{n:02}" for n in range(31)))))
TRIPPED: Final = replace(
    HEALTHY,
    needs_you=(
        (
            "Brake 7f3a: 35 links would end or change, 4 may. Nothing ends. "
            "Meant?  room-orchestrator rooms approve 7f3a --reason …"
        ),
    ),
    brakes=(BrakeRow("7f3a", HELD_KEYS, 35, 4),),
)
AWAY: Final = replace(
    HEALTHY,
    needs_you=(
        "The API is unreachable since 22 Nov 05:56:00Z: connection refused. Nothing is lost yet.",
    ),
    api_state="unreachable since 22 Nov 05:56:00Z: connection refused",
    api_last_good=NOW - timedelta(hours=6, minutes=4),
    last_pass=NOW - timedelta(hours=6, minutes=4),
    loses_first=NextAct(NOW + timedelta(hours=17), KEYS[0], ENDS_AWAY),
    deliveries=(
        DeliveryRow("incidents-slack", 3, "429 Too Many Requests", NOW - timedelta(minutes=9)),
        DeliveryRow("mail", 0, "", None, ("team-rooms/fax",), "550 no such user"),
    ),
    occupancy_known=False,
    held=(PlanLine("renew", KEYS[0], "its renewal is due", held_by="weather"),),
)
PROBLEMS: Final = replace(
    HEALTHY,
    needs_you=('team-rooms.yaml:12:5  unknown key "displayname"; did you mean "display_name"?',),
    problems=(
        Problem(
            Place("team-rooms.yaml", 12, 5),
            'unknown key "displayname"; did you mean "display_name"?',
        ),
        Problem(Place("data/teams.yaml", 3, 1), f"the subject {HOSTILE} has no slug"),
    ),
    directories=(
        DirectoryRow("https://hr.example/people", ("people",), None, "answers 500", NOW, NOW),
        DirectoryRow("https://hr.example/teams", ("teams",), NOW, "", None, NOW),
    ),
    senders=(
        SenderRow("pagerduty", "pagerduty", NOW - timedelta(minutes=4), 12, 2, 1, NOW),
        SenderRow("grafana", "grafana"),
    ),
    themes=(ThemeRow("corporate", "corporate.yaml", "", "failing", 3, False, "400 bad", NOW),),
    freezes=(
        FreezeRow("f1", NOW + timedelta(days=2), "anna (uid 1001)", HOSTILE),
        FreezeRow("f2", NOW + timedelta(days=3), "jonas", "audit", ("people",), all_acts=True),
    ),
    changes=(
        ChangesRow("", "Mon-Fri 09:00-17:00", open=False, until=NOW + timedelta(hours=21)),
        ChangesRow("people", "Sun", open=True),
    ),
    recordings=(RecordingsRow("team-rooms", "vault", "30 d", 4, 3, 1, 0, None, ("disk full",)),),
)
OBSERVE: Final = replace(
    HEALTHY,
    mode="observe",
    foreign=300,
    rooms={"open": 1},
    held=tuple(PlanLine("create", key, "wanted", held_by="mode") for key in KEYS[1:]),
    next_acts=(),
    loses_first=NextAct(NOW + timedelta(days=20), KEYS[0], ENDS_OBSERVED),
)
PAGED: Final = replace(
    HEALTHY,
    needs_you=("alertmanager Slow has no room yet: room-orchestrator page list",),
    pages=(
        BRIDGED,
        ROOMLESS,
        WITHHELD,
        replace(BRIDGED, state="closing", page="4", number="4700", use="empty", title=HOSTILE),
    ),
    page_states={"open": 2, "withheld": 1, "closing": 1},
    last_link=0.009,
    last_room=0.314,
)
REFUSED: Final = replace(
    HEALTHY,
    needs_you=(
        (
            "Nothing is done: the store /var/lib/room-orchestrator/orchestrator.db cannot record "
            "(disk full). Free some space; it goes on by itself"
        ),
    ),
)
BAD: Final = replace(
    STATUS,
    **{
        name: getattr(PROBLEMS, name)
        for name in (
            *("problems", "directories", "senders", "themes", "recordings"),
            *("freezes", "changes"),
        )
    },
    pages=PAGED.pages,
    page_states=PAGED.page_states,
)


def many_rooms(count: int = 5000) -> RoomsReport:
    """As many rooms of a few policies, with ends over the whole year, and some of every state."""
    rows = []
    for number in range(count):
        policy = "people" if number % 12 else "team-rooms"
        state = "open"
        if number % 40 == 7:
            state = ("occupied", "ending", "held", "waiting", "dormant")[number // 40 % 5]
        ends = NOW + timedelta(days=30 + (number * 7919) % 330, hours=number % 24)
        key = f"{policy}/{policy[:-1]}-{number:04}"
        rows.append(
            RoomRow(
                key=key,
                state=state,
                room_id="" if state == "waiting" else f"{481000000 + number}",
                display_name=f"{HOSTILE if number == 24 else f'Room of {number:04}'}",
                type="long_term",
                link=f"https://rooms.example/r/{key}-abcdefgh",
                guest_url=f"https://meet.example/secret-{number}",
                meeting_code=f"{481000000 + number}",
                expires_at=None if state == "waiting" else ends,
                next_act=NextAct(ends - timedelta(days=25), key, "renew"),
                held=("look-alike: one is called the same",) if state == "held" else (),
                policy=policy,
                use="occupied" if state == "occupied" else "empty",
            )
        )
    return RoomsReport(tuple(rows))


def a_day() -> list[Fact]:
    """Facts of a day, with what comes from outside in them."""
    return [
        Fact("daemon.started", detail={"version": "0.1.0", "mode": "enforce"}),
        Fact("policy.loaded", actor="start", detail={"file": "team-rooms.yaml", "version": "9c1e"}),
        *(
            Fact(
                "room.created",
                actor="policy team-rooms@9c1e",
                key=key,
                room_id=f"7c1f-{place}",
                operation=f"k3m9x2aa-{place}",
                reason="wanted and absent",
                api=ApiCall("POST", 201, 84.2, 1),
                detail={
                    "display_name": f"{key.rpartition('/')[2].title()} room",
                    "meeting_code": f"481 920 37{place}",
                    "guest_url": f"https://meet.example/very-secret-{place}",
                },
            )
            for place, key in enumerate(KEYS)
        ),
        Fact(
            "room.renewed",
            actor="policy team-rooms@9c1e",
            key=KEYS[0],
            room_id="7c1f-0",
            reason="60 d before its end",
            api=ApiCall("PATCH", 200, 91.0, 1),
            detail={"display_name": HOSTILE, "expires_at": "2027-11-22T11:00:00.000Z"},
        ),
        Fact(
            "room.create.failed",
            actor="policy team-rooms@9c1e",
            key=KEYS[3],
            reason=HOSTILE,
            api=ApiCall("POST", 0, 10_000.0, 1),
        ),
        Fact("api.unavailable", reason="connection refused", detail={"url": "http://x"}),
        Fact("api.recovered", detail={"url": "http://x", "seconds": 41.0}),
    ]


def moment(text: str) -> datetime:
    """A moment, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


STATES: Final[Mapping[str, tuple[StatusReport, Any]]] = {
    "fresh": (FRESH, None),
    "healthy": (HEALTHY, many_rooms),
    "brake": (TRIPPED, many_rooms),
    "away": (AWAY, many_rooms),
    "problems": (PROBLEMS, many_rooms),
    "observe": (OBSERVE, None),
    "paged": (PAGED, many_rooms),
    "refused": (REFUSED, many_rooms),
    "bad": (BAD, many_rooms),
}
