"""Values for tests: small functions with a sensible default for every field."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from orchestrator.domain import keys
from orchestrator.domain.actions import Hold
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.outcomes import Teller
from orchestrator.domain.policies import (
    Desired,
    Mode,
    Removal,
    RemovalMode,
    Renewal,
    ReplaceMode,
    Window,
)
from orchestrator.domain.policies import Replace as ReplacePolicy
from orchestrator.domain.records import (
    Ask,
    Attempts,
    Dormancy,
    KeyState,
    Operation,
    OperationKind,
    OperationState,
    Role,
    RoomRecord,
    Suspension,
    Tombstone,
)
from orchestrator.domain.rooms import SETTINGS, Observed, RoomType, Setting
from orchestrator.domain.situation import (
    Claim,
    Gone,
    Pending,
    Situation,
    Use,
    Wanted,
    Wish,
    World,
)

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY: Final = keys.key("team-rooms", "checkout")
OWNER: Final = "acme"
OPERATION: Final = "k3m9x2aa-0123456789abcdef"
ROOM: Final = "room-1"
YEAR: Final = timedelta(days=365)
NAME: Final = "Checkout room"
BECAUSE: Final = "team-rooms.yaml:3"
PLACES: Final = {
    "display_name": "team-rooms.yaml:9",
    "lifetime": "team-rooms.yaml:10",
    "join_approval_level": "team-rooms.yaml:11",
    "recording_options.auto_record": "team-rooms.yaml:12",
}


def at_once(window: Window, moment: datetime) -> tuple[datetime, datetime]:
    """A calendar whose windows open at every moment, for their duration."""
    return moment, moment + window.duration


def desired(
    display_name: str = NAME,
    *,
    type_: RoomType = RoomType.LONG_TERM,
    lifetime: timedelta | None = YEAR,
    text: str = "",
    settings: Mapping[str, Setting] | None = None,
    renewal: Renewal | None = None,
    replace_mode: ReplaceMode = ReplaceMode.WHEN_UNUSED,
    overlap: timedelta = timedelta(hours=24),
    removal: Removal | None = None,
    protect: bool | None = None,
    mode: Mode | None = None,
    version: str = "9c1e000000000000",
    because: str = BECAUSE,
) -> Desired:
    """A wish, rendered for one subject."""
    return Desired(
        display_name=display_name,
        type=type_,
        lifetime=lifetime if type_ is RoomType.LONG_TERM else None,
        text=text,
        settings=dict(settings or {}),
        renewal=renewal or Renewal(),
        replace=ReplacePolicy(replace_mode, overlap),
        removal=removal or Removal(),
        protect=protect,
        mode=mode,
        version=version,
        because=because,
        places=PLACES,
    )


def metadata(
    *,
    text: str = "",
    key: Key = KEY,
    owner: str = OWNER,
    generation: int = 1,
    operation_id: str = OPERATION,
) -> str:
    """A room's metadata with our marker."""
    return write_metadata(text, new_marker(owner, key, generation, operation_id))


def observed(
    room_id: str = ROOM,
    *,
    display_name: str = NAME,
    marked: str | None = "",
    type_: RoomType = RoomType.LONG_TERM,
    settings: Mapping[str, Setting] | None = None,
    created_at: datetime | None = NOW,
    expires_at: datetime | None = NOW + YEAR,
    is_available: bool = True,
    guest_url: str | None = None,
    meeting_code: str | None = None,
) -> Observed:
    """A room as the API shows it; ``marked`` is its metadata, by default our first marker."""
    defaults = {path: rule.default for path, rule in SETTINGS.items()}
    return Observed(
        id=room_id,
        display_name=display_name,
        metadata=metadata() if marked == "" else marked,
        type=type_,
        settings={**defaults, **(settings or {})},
        expires_at=expires_at,
        created_at=created_at,
        is_available=is_available,
        meeting_code=f"code-{room_id}" if meeting_code is None else meeting_code,
        guest_url=f"https://meet.test/{room_id}" if guest_url is None else guest_url,
    )


def room(
    room_id: str = ROOM,
    *,
    role: Role = Role.CURRENT,
    generation: int = 1,
    operation: str = OPERATION,
    display_name: str = NAME,
    type_: RoomType = RoomType.LONG_TERM,
    created_at: datetime | None = NOW,
    expires_at: datetime | None = NOW + YEAR,
    granted_at: datetime = NOW,
    lifetime: timedelta | None = YEAR,
    applied: Mapping[str, Setting] | None = None,
    not_taken: Mapping[str, Setting] | None = None,
    adopted: bool = False,
    renewed_at: datetime | None = None,
    updated_at: datetime | None = None,
    missing_since: datetime | None = None,
    end_due: datetime | None = None,
    retired_at: datetime | None = None,
    version: str = "9c1e000000000000",
    granted_until: datetime | None = None,
    renewed_from: datetime | None = None,
    asked_at: tuple[datetime, ...] = (),
    watched_from: datetime | None = None,
    last_used_at: datetime | None = None,
) -> RoomRecord:
    """A room as we remember it; agrees with `observed` and `desired` by default."""
    return RoomRecord(
        id=room_id,
        generation=generation,
        operation=operation,
        role=role,
        display_name=display_name,
        type=type_,
        guest_url=f"https://meet.test/{room_id}",
        meeting_code=f"code-{room_id}",
        created_at=created_at,
        expires_at=expires_at,
        granted_at=granted_at,
        lifetime=lifetime,
        applied=dict(applied or {}),
        not_taken=dict(not_taken or {}),
        adopted=adopted,
        renewed_at=renewed_at,
        updated_at=updated_at,
        missing_since=missing_since,
        end_due=end_due,
        retired_at=retired_at,
        version=version,
        granted_until=granted_until,
        renewed_from=renewed_from,
        asked_at=asked_at,
        watched_from=watched_from,
        last_used_at=last_used_at,
    )


def state(
    *rooms: RoomRecord,
    key: Key = KEY,
    generation: int | None = None,
    wish: Desired | None = None,
    tombstone: Tombstone | None = None,
    removal: Removal | None = None,
    protect: bool = False,
    lost: bool = False,
    attempts: Attempts | None = None,
    creates: Attempts | None = None,
    suspended: Suspension | None = None,
    asked: Ask | None = None,
    dormant: Dormancy | None = None,
) -> KeyState:
    """What we remember of a key that has these rooms."""
    last = max((room.generation for room in rooms), default=0)
    return KeyState(
        key=key,
        generation=last if generation is None else generation,
        wish=wish,
        rooms=rooms,
        tombstone=tombstone,
        removal=removal or Removal(),
        protect=protect,
        lost=lost,
        attempts=attempts or Attempts(),
        creates=creates or Attempts(),
        suspended=suspended,
        asked=asked,
        dormant=dormant,
    )


def suspension(length: timedelta = timedelta(days=2)) -> Suspension:
    """A person's word that nothing is done for two days."""
    return Suspension(NOW + length, "anna (uid 1001)", "the audit looks at it")


def tombstone(
    *,
    decided_at: datetime = NOW - timedelta(days=7),
    due: datetime = NOW,
    mode: RemovalMode = RemovalMode.EXPIRE,
    reason: str = "its subject is gone",
) -> Tombstone:
    """A removal that was decided a week ago and is due now."""
    return Tombstone(decided_at, due, mode, reason)


def world(
    now: datetime = NOW,
    *,
    settle: timedelta = timedelta(seconds=60),
    listed: bool = True,
    doubt: str = "",
    conflict: str = "",
    can_delete: bool | None = None,
    use_known_since: datetime | None = None,
) -> World:
    """The world on an ordinary day."""
    return World(
        now,
        at_once,
        settle,
        listed,
        doubt,
        conflict,
        can_delete,
        use_known_since=use_known_since,
    )


def situation(
    wish: Wish | None = None,
    state_: KeyState | None = None,
    *,
    world_: World | None = None,
    sightings: Mapping[str, Observed | Gone] | None = None,
    uses: Mapping[str, Use] | None = None,
    claims: tuple[Claim, ...] = (),
    lookalikes: tuple[Observed, ...] = (),
    pending: Pending | None = None,
    held: Hold | None = None,
    listed: tuple[Observed, ...] = (),
    unshown: tuple[str, ...] = (),
    unread: str = "",
) -> Situation:
    """A key's situation: wanted, with nothing remembered and nothing seen, by default."""
    remembered = state() if state_ is None else state_
    return Situation(
        key=remembered.key,
        wish=Wanted(desired()) if wish is None else wish,
        state=remembered,
        world=world() if world_ is None else world_,
        sightings=dict(sightings or {}),
        uses=dict(uses or {}),
        claims=claims,
        lookalikes=lookalikes,
        pending=pending,
        held=held,
        listed=listed,
        unshown=unshown,
        unread=unread,
    )


def operation(
    kind: OperationKind = OperationKind.CREATE,
    *,
    operation_id: str = OPERATION,
    generation: int = 1,
    room_id: str | None = None,
    attempt: int = 1,
) -> Operation:
    """A journalled attempt that is still open."""
    return Operation(
        id=operation_id,
        key=KEY,
        kind=kind,
        generation=generation,
        room_id=room_id,
        reason="team-rooms.yaml:3 asks for it",
        cause="test",
        started_at=NOW,
        attempt=attempt,
        state=OperationState.OPEN,
    )


def teller(now: datetime = NOW) -> Teller:
    """Who tells a fact, and when."""
    return Teller(actor="policy team-rooms@9c1e", cause="test", now=now)
