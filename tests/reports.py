"""Reports for tests: a small company's rooms on 22 November 2026, with every kind of line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import Addresses, Coming, LinkView
from orchestrator.domain.reports import (
    ENDS_AT_WORST,
    ApplyReport,
    Asked,
    BrakeRow,
    ChangeLine,
    ComparedField,
    DormantRow,
    EpisodeRow,
    ForeignRow,
    HistoryLine,
    LinkFate,
    LinkRow,
    LinksReport,
    NextAct,
    Obstacle,
    OpenedPage,
    OpeningRow,
    PageReport,
    PageRow,
    PagesReport,
    PlanLine,
    PlanReport,
    PolicyRow,
    RehearsalReport,
    RehearsedAct,
    RehearsedCalls,
    RehearsedMonth,
    RehearsedRenewals,
    RoomRow,
    RoomsReport,
    Seen,
    SenderRow,
    StatusReport,
    SuspendedRow,
    ToldRow,
    Unmet,
    WhyNotReport,
    WhyReport,
)
from orchestrator.foundation.problems import Place, Problem
from tests.fakes.desk import FakeDesk

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # a Sunday
CONFIG: Final = "/etc/room-orchestrator/config.yaml"
API: Final = "https://meet.nordlicht.example"
PROBLEM: Final = Problem(
    Place("team-rooms.yaml", 12, 5), 'unknown key "displayname"; did you mean "display_name"?'
)


def at(text: str) -> datetime:
    """A moment, UTC, as ``2026-11-29 09:14``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def link(key: str) -> str:
    """A guest link."""
    return f"{API}/j/{key.replace('/', '-')}"


REPLACE: Final = PlanLine(
    "replace",
    "team-rooms/identity",
    "a name cannot be patched (team-rooms.yaml:9)",
    calls="POST",
    room_id="102",
    display_name="Identity & Access room",
    link=LinkFate.CHANGES,
    changes=(ChangeLine("display_name", "Identity room", "Identity & Access room"),),
)
BURY: Final = PlanLine(
    "bury",
    "team-rooms/fax",
    "its subject is gone from team-rooms.yaml",
    room_id="103",
    display_name="Fax room",
    link=LinkFate.ENDS,
    when=at("2026-11-29 09:14"),
)
MOVE: Final = PlanLine(
    "move",
    "team-rooms/quality",
    "formerly team-rooms/qa: same room, same link",
    room_id="104",
    display_name="QA room",
)
CREATES: Final = tuple(
    PlanLine(
        "create",
        f"team-rooms/{name}",
        f"data/teams.yaml:{line} asks for it",
        calls="POST",
        display_name=f"{name.title()} room",
        link=LinkFate.NEW,
        changes=(ChangeLine("type", "", "long_term 365d"),),
    )
    for line, name in ((41, "data"), (45, "edge"))
)
UPDATES: Final = tuple(
    PlanLine(
        "update",
        f"team-rooms/{name}",
        "team-rooms.yaml:14 changed",
        calls="PATCH",
        room_id=str(room),
        display_name=f"{name.title()} room",
        changes=(ChangeLine("join_approval_level", "none", "after_owner_only"),),
    )
    for room, name in enumerate(
        ("checkout", "payments", "search", "mobile", "platform", "billing", "growth"), start=200
    )
)
RENEW: Final = PlanLine(
    "renew",
    "team-rooms/search",
    "its renewal is due",
    calls="PATCH",
    room_id="202",
    display_name="Search room",
    changes=(ChangeLine("expires_at", "2027-01-21T06:12:00.000Z", "2027-11-22T11:00:00.000Z"),),
    when=at("2027-11-22 11:00"),
)
HELD: Final = PlanLine(
    "create",
    "team-rooms/checkout-eu",
    "data/teams.yaml:17 asks for it",
    calls="POST",
    display_name="Checkout EU room",
    link=LinkFate.NEW,
    held_by="look-alike",
    held_why='a room that is not ours is called the same: "Checkout EU room" (481920374)',
    hint=(
        "the same?  room-orchestrator rooms adopt 481920374 team-rooms/checkout-eu --reason …    "
        "not?  room-orchestrator rooms distinct 481920374 team-rooms/checkout-eu --reason …"
    ),
)

OPENING: Final = OpeningRow(
    "all-hands/2026-12-03T1500",
    "All hands 3 Dec 2026",
    opens=at("2026-12-03 13:45"),
    starts=at("2026-12-03 14:00"),
    ends=at("2026-12-03 15:30"),
)

PLANNED: Final = NextAct(
    at("2026-11-25 06:12"),
    "team-rooms/mobile",
    "renew",
    "60 d before its end, in its window '0 6 * * *'",
    at("2027-01-03 06:00"),
)

PLAN: Final = PlanReport(
    openings=(OPENING,),
    renewals=(PLANNED,),
    mode="enforce",
    config=CONFIG,
    lines=(BURY, REPLACE, MOVE, *CREATES, RENEW, *UPDATES),
    held=(HELD,),
    standing=(
        PlanLine(
            "bury",
            "team-rooms/telex",
            "the policy old-rooms is gone",
            room_id="99",
            display_name="Telex room",
            link=LinkFate.ENDS,
            when=at("2026-11-24 08:00"),
        ),
    ),
    unchanged=406,
    foreign=300,
    listed_at=NOW - timedelta(seconds=8),
)
NOTHING: Final = PlanReport("enforce", CONFIG, unchanged=412, foreign=300, listed_at=NOW)

CHECKOUT: Final = RoomRow(
    key="team-rooms/checkout",
    state="open",
    room_id="481920374",
    display_name="Checkout room",
    type="long_term",
    link="https://rooms.nordlicht.example/r/team-rooms/checkout-k4m7q2xw5ztdfa3b",
    guest_url=link("team-rooms/checkout"),
    meeting_code="481 920 374",
    expires_at=at("2027-09-13 06:14"),
    created_at=at("2025-11-12 10:02"),
    generation=1,
    next_act=NextAct(at("2027-07-15 06:12"), "team-rooms/checkout", "renew"),
    policy="team-rooms",
    use="empty",
    use_by="callbacks",
    last_used_at=at("2026-11-20 15:31"),
    sessions=38,
    participant_minutes=4211.5,
    counted_since=at("2025-11-12 10:02"),
    counted_whole=True,
)
ROOMS: Final = RoomsReport(
    openings=(OPENING,),
    rooms=(
        RoomRow(
            key="all-hands/2026-11-26",
            state="held",
            display_name="All hands",
            type="long_term",
            held=("look-alike: a room that is not ours is called the same",),
            policy="all-hands",
        ),
        CHECKOUT,
        RoomRow(
            key="team-rooms/fax",
            state="ending",
            room_id="481920375",
            display_name="Fax room",
            type="long_term",
            guest_url=link("team-rooms/fax"),
            meeting_code="481 920 375",
            expires_at=at("2026-11-29 09:14"),
            created_at=at("2025-11-12 10:02"),
            adopted=True,
            generation=2,
            protected=True,
            suspended_until=at("2026-11-24 09:00"),
            next_act=NextAct(at("2026-11-29 09:14"), "team-rooms/fax", "end"),
            policy="team-rooms",
        ),
    ),
    foreign=(ForeignRow("481920001", "Board room", "long_term", "481 920 001", None),),
)
_RENEWAL: Final = NextAct(
    at("2027-07-15 06:12"),
    "team-rooms/checkout",
    "renew",
    "60 d before its end, spread by its key",
    at("2027-08-26 05:00"),
)
WHY: Final = WhyReport(
    key="team-rooms/checkout",
    rooms=(CHECKOUT,),
    wanted="asked for by data/teams.yaml:17",
    policy="team-rooms.yaml",
    policy_version="9c1e44d2",
    fields=(
        ComparedField("display_name", "Checkout room", "Checkout room", equal=True),
        ComparedField("join_approval_level", "after_owner_only", "none", equal=False),
    ),
    plan=(UPDATES[0],),
    holds=(
        Obstacle(
            *("occupied", "4 people are inside", "update", at("2026-11-22 11:00")),
            *(at("2026-11-22 12:05"), 95),
        ),
    ),
    next_act=_RENEWAL,
    history=(
        HistoryLine(
            at("2025-11-12 10:02"),
            41,
            "room.created",
            "wanted and absent",
            "policy team-rooms@9c1e",
            "k3m9x2aa-0123456789abcdef",
            "481920374",
            "policies changed",
            *("POST", 201, 212.4),
        ),
        HistoryLine(
            *(at("2026-09-13 06:14"), 90, "room.renewed", "its renewal is due", "team-rooms@9c1e"),
            changes=(ChangeLine("expires_at", "2026-11-12", "2027-09-13"),),
        ),
    ),
    former=("team-rooms/shop",),
    asked=Asked(
        *("team-rooms", "team-rooms.yaml:3", "checkout", "data/teams.yaml:17", "9c1e44d2aa01bb02"),
        *(at("2026-11-20 09:14"), "Jonas Meyer, 4be12f09", 80),
    ),
    seen=Seen("there", "", NOW - timedelta(minutes=2), complete=True, api="ok"),
    trail=(
        HistoryLine(at("2026-09-10 09:14"), 80, "policy.loaded", "", "policy team-rooms@9c1e44d2"),
        HistoryLine(at("2026-09-13 06:14"), 90, "room.renewed", "its renewal is due", ""),
    ),
    told=(
        ToldRow("rooms-json", "open", at("2026-09-13 06:15")),
        ToldRow("slack", fault="answers 503", next_at=NOW + timedelta(seconds=30)),
        ToldRow("mail", "open", fault="550 no such user", given_up=True),
        ToldRow("chat"),
    ),
    renewal=_RENEWAL,
)
WHY_NOT: Final = WhyNotReport(
    name="payments",
    key="team-rooms/payments",
    kind="room",
    verdict="No room, and none to come. In the way:",
    obstacles=(
        Obstacle(
            *("not-wanted", '"payments" left data/teams.yaml:4; "payments-eu" came', ""),
            *(at("2026-11-20 09:14"), None, 80),
            "team-rooms.yaml:  moved: [{from: payments, to: payments-eu}]",
        ),
        Obstacle("brake", "brake b7: 35 links would end or change", "let-go"),
    ),
    advice="team-rooms.yaml:  moved: [{from: payments, to: payments-eu}]",
    asked=Asked("team-rooms", "team-rooms.yaml:3", "payments", "data/teams.yaml:4", wanted=False),
    last=HistoryLine(at("2026-11-20 09:14"), 81, "room.tombstoned", "its subject is gone", ""),
    seen=Seen("gone", "404", NOW, doubt="half of the rooms are missing", api="ok"),
    next_act=NextAct(at("2026-11-27 09:14"), "team-rooms/payments", "end", "removal: expire"),
    near=("team-rooms/payments-eu",),
    unknown=("no daemon runs",),
)
_ROOMS_ALONE: Final = StatusReport(
    owner="nordlicht-prod",
    mode="enforce",
    config=CONFIG,
    version="0.1.0",
    started_at=NOW - timedelta(days=12),
    now=NOW,
    api=API,
    api_state="ok",
    api_last_good=NOW - timedelta(seconds=14),
    needs_you=(f"{PROBLEM}",),
    policies=(
        PolicyRow("all-hands", "all-hands.yaml", "77aa", 1, 1, description="Thursdays"),
        PolicyRow("team-rooms", "team-rooms.yaml", "9c1e", 40, 39, "team-rooms.yaml is bad"),
    ),
    problems=(PROBLEM,),
    rooms=MappingProxyType({"open": 398, "occupied": 6, "ending": 4, "held": 4}),
    foreign=300,
    next_acts=(
        NextAct(
            *(at("2026-11-23 06:12"), "team-rooms/search", "renew"),
            *("60 d before its end, spread by its key", at("2027-01-03 06:00")),
        ),
        NextAct(at("2027-01-03 06:12"), "team-rooms/fax", "renew"),
    ),
    loses_first=NextAct(at("2027-01-22 06:00"), "team-rooms/fax", ENDS_AT_WORST),
    held=(HELD,),
    brakes=(BrakeRow("7", ("team-rooms/a", "team-rooms/b"), 35, 4),),
    behind=MappingProxyType({"rooms-json": "disk full, next try 14:03:20"}),
    listed_at=NOW - timedelta(seconds=14),
    occupancy_known=True,
    audit_lines=41223,
    waiting=3,
    last_pass=NOW - timedelta(seconds=14),
    callbacks_at=NOW - timedelta(seconds=200),
    callbacks=MappingProxyType({"received": 1204, "doubled": 3, "foreign": 17}),
    dormant=(
        DormantRow("team-rooms/telex", at("2026-03-02 08:00"), at("2026-12-20 08:00")),
        DormantRow("team-rooms/teletext", at("2025-11-22 08:00"), None),
    ),
    suspended=(
        SuspendedRow(
            "team-rooms/search",
            at("2027-03-01 09:00"),
            "anna (uid 1001)",
            "the audit looks at it",
            at("2027-01-21 06:12"),
        ),
        SuspendedRow("team-rooms/fax", at("2026-11-24 09:00"), "anna (uid 1001)", "OPS-4711"),
    ),
)
BRIDGED: Final = PageRow(
    state="open",
    source="pagerduty",
    page="Q3RRWAQLHHTQ4U",
    number="4711",
    title="Checkout error rate above 14 %",
    severity="critical",
    opened_at=NOW - timedelta(minutes=72),
    service="checkout",
    team="shop",
    url="https://nordlicht.pagerduty.example/incidents/Q3RRWAQLHHTQ4U",
    episode="7h3k9m2p5x1c",
    count=2,
    policy="oncall-bridge",
    key="oncall-bridge/pagerduty-4f1a9c0212345678-7h3k9m2p5x1c",
    link="https://rooms.nordlicht.example/r/oncall-bridge/pagerduty-4f1a9c0212345678-abcdefgh",
    stage="open",
    leads_to=f"{API}/j/481920377",
    room_id="481920377",
    room_name="Checkout error rate above 14 %",
    meeting_code="481 920 377",
    use="occupied",
    use_by="callbacks",
    link_after=0.009,
    room_after=0.314,
    fallback="team-rooms/checkout or https://bridge.nordlicht.example/1",
    fallback_at=NOW - timedelta(minutes=71, seconds=40),
    closes_at=NOW + timedelta(hours=22, minutes=48),
    close_after=timedelta(minutes=10),
)
ROOMLESS: Final = PageRow(
    state="open",
    source="alertmanager",
    page='{}:{alertname="Slow"}',
    title="Slow",
    severity="high",
    opened_at=NOW - timedelta(seconds=45),
    episode="5x1c7h3k9m2p",
    policy="oncall-bridge",
    key="oncall-bridge/alertmanager-0212345678abcdef-5x1c7h3k9m2p",
    link="https://rooms.nordlicht.example/r/oncall-bridge/alertmanager-0212345678abcdef-hgfedcba",
    stage="fallback",
    note="The meeting service did not make a room in time.",
    leads_to="https://bridge.nordlicht.example/1",
    fallback="https://bridge.nordlicht.example/1",
    fallback_at=NOW - timedelta(seconds=25),
    closes_at=NOW + timedelta(hours=23, minutes=59, seconds=15),
    close_after=timedelta(minutes=10),
)
WITHHELD: Final = PageRow(
    state="withheld",
    source="pagerduty",
    page="Q9",
    number="4709",
    title="Disk 80 % full",
    severity="low",
    opened_at=NOW - timedelta(hours=5),
    episode="m2p5x1c7h3k9",
    reason="it is not what oncall-bridge takes (when)",
)
OVER: Final = PageRow(
    state="closed",
    source="manual",
    page="by-hand-4f1a9c02ee",
    title="A test",
    severity="critical",
    opened_at=at("2026-11-20 09:00"),
    episode="c7h3k9m2p5x1",
    policy="oncall-bridge",
    key="oncall-bridge/manual-78abcdef02123456-c7h3k9m2p5x1",
    stage="closed",
    closed_at=at("2026-11-20 09:04"),
    reason="closed by hand: the test is over",
)
PAGES: Final = PagesReport((BRIDGED, WITHHELD, ROOMLESS, OVER))
PAGE: Final = PageReport(
    page=BRIDGED,
    told=(
        ToldRow("incidents-slack", "open", NOW - timedelta(minutes=71, seconds=58)),
        ToldRow("opsgenie", fault="answers 503", next_at=NOW + timedelta(seconds=30)),
        ToldRow("mail", "waiting", fault="550 no such user", given_up=True),
        ToldRow("pagerduty"),
    ),
    episodes=(
        EpisodeRow("7h3k9m2p5x1c", 2, NOW - timedelta(minutes=72), room_after=0.314),
        EpisodeRow(
            "9m2p5x1c7h3k",
            1,
            at("2026-11-22 03:00"),
            at("2026-11-22 03:40"),
            "it was resolved",
            52.1,
            at("2026-11-22 03:01"),
            at("2026-11-22 03:58"),
            at("2026-11-22 03:00"),
        ),
    ),
    sharing=("pagerduty 4712", "pagerduty 4713"),
    max_age=timedelta(hours=24),
)
OPENED: Final = OpenedPage(
    "opened",
    "manual",
    "by-hand-4f1a9c02ee",
    "https://rooms.nordlicht.example/r/oncall-bridge/manual-78abcdef02123456-abcdefgh",
    room_id="481920378",
    guest_url=f"{API}/j/481920378",
    seconds=0.0091,
    room_seconds=0.31,
)
STATUS: Final = replace(
    _ROOMS_ALONE,
    pages=(BRIDGED, WITHHELD, ROOMLESS),
    page_states=MappingProxyType({"open": 2, "withheld": 1}),
    last_link=0.009,
    last_room=0.314,
    senders=(
        SenderRow("alertmanager", "alertmanager"),
        SenderRow(
            *("pagerduty", "pagerduty", NOW - timedelta(minutes=3), 12, 2, 1),
            NOW - timedelta(hours=2),
        ),
    ),
)
APPLIED: Final = ApplyReport(calls=11, failed=(), left=NOTHING)


def desk() -> FakeDesk:
    """A fake desk with these reports."""
    return FakeDesk(
        STATUS,
        PLAN,
        ROOMS,
        WHY,
        APPLIED,
        pages_report=PAGES,
        page_report=PAGE,
        opened_page=OPENED,
        why_not_report=WHY_NOT,
    )


def _renewals(count: int) -> tuple[RehearsedAct, ...]:
    first = at("2027-03-20 06:00")
    return tuple(
        RehearsedAct(
            first + timedelta(days=number),
            "renew",
            f"team-rooms/team-{number:02}",
            "122 d before its end, spread by its key",
            room_id=str(300 + number),
            display_name=f"Team {number} room",
            ends_at=first + timedelta(days=number + 365),
            emergency=number == 2,
        )
        for number in range(count)
    )


REHEARSAL: Final = RehearsalReport(
    config=CONFIG,
    policies="candidate",
    mode="enforce",
    config_mode="observe",
    start=NOW,
    until=NOW + timedelta(days=365),
    reached=NOW + timedelta(days=365),
    known=412,
    wanted=410,
    standing=409,
    meetings=52,
    acts=(
        RehearsedAct(
            NOW,
            "bury",
            "team-rooms/fax",
            "its subject is gone from team-rooms.yaml",
            "103",
            "Fax room",
            ends_at=at("2026-11-29 12:00"),
        ),
        RehearsedAct(
            NOW,
            "create",
            "team-rooms/search",
            "team-rooms.yaml:3 asks for it",
            "501",
            "Search room",
            LinkFate.NEW,
            at("2027-11-22 11:00"),
        ),
        RehearsedAct(
            at("2026-11-23 09:45"),
            "create",
            "weekly/2026-11-23T1000",
            "weekly.yaml:3 asks for it",
            "502",
            "Weekly",
            LinkFate.NEW,
            at("2026-11-23 11:30"),
        ),
        RehearsedAct(
            at("2026-11-23 11:30"),
            "expire",
            "weekly/2026-11-23T1000",
            "it came to its end",
            "502",
            "Weekly",
        ),
        RehearsedAct(
            at("2026-11-29 12:00"),
            "let-go",
            "team-rooms/fax",
            "its subject is gone from team-rooms.yaml",
            "103",
            "Fax room",
            LinkFate.ENDS,
            at("2027-05-01 08:00"),
        ),
        RehearsedAct(
            at("2027-01-03 02:00"),
            "replace",
            "team-rooms/identity",
            "a name cannot be patched (team-rooms.yaml:9)",
            "503",
            "Identity & Access room",
            LinkFate.CHANGES,
            at("2028-01-03 01:00"),
        ),
        *_renewals(12),
    ),
    months=(
        RehearsedMonth("2026-11", {"bury": 1, "create": 2, "expire": 1, "let-go": 1}),
        RehearsedMonth("2027-01", {"replace": 1}),
        RehearsedMonth("2027-03", {"renew": 12}),
    ),
    calls=RehearsedCalls(
        total=940,
        listings=800,
        limit=1220,
        rate=20.0,
        busiest=1204,
        busiest_at=NOW,
        at_limit=1,
        pages=3,
        listed_every=timedelta(minutes=10),
        rehearsed_every=timedelta(hours=21, minutes=54),
    ),
    renewals=RehearsedRenewals(
        total=12,
        rooms=12,
        emergencies=1,
        busiest=1,
        busiest_at=at("2027-03-20 06:00"),
        closest=timedelta(days=243, hours=4),
        closest_key="team-rooms/team-02",
        closest_at=at("2027-11-20 10:00"),
        floor=timedelta(days=1),
    ),
    unmet=(
        Unmet("lost", "kiosk/lobby", "it came to its end", at("2027-02-01 12:00"), more=2),
        Unmet("brake", "team-rooms/a", "4 links would end or change, 3 may", NOW, more=3),
        Unmet("held", "team-rooms/qa", "replace (replace-never): the policy says never"),
    ),
    openings=(
        OpeningRow(
            "yearly/2028-01-02T1000",
            "Yearly",
            at("2028-01-02 08:45"),
            at("2028-01-02 09:00"),
            at("2028-01-02 10:00"),
        ),
    ),
    never=("once",),
    unasked=("people: https://dir.example/people; the 3 rooms of the store are kept",),
    problems=(PROBLEM,),
)

_PUBLIC: Final = "https://rooms.example"
LINKS: Final = LinksReport(
    _PUBLIC,
    (
        LinkRow(
            "all-hands",
            Addresses(f"{_PUBLIC}/r/all-hands-abc", calendar=f"{_PUBLIC}/calendar/abc.ics"),
            LinkView(
                Stage.WAITING,
                "All hands 26 Nov",
                opens_at=datetime(2026, 11, 26, 13, 45, tzinfo=UTC),
                starts_at=datetime(2026, 11, 26, 14, tzinfo=UTC),
                coming=(Coming("All hands 3 Dec", datetime(2026, 12, 3, 14, tzinfo=UTC)),),
                has_calendar=True,
            ),
        ),
        LinkRow(
            "team-rooms/checkout",
            Addresses(f"{_PUBLIC}/r/team-rooms/checkout-abc"),
            LinkView(Stage.OPEN, "Checkout room", room_link="https://meet.example/room-1"),
        ),
    ),
)
