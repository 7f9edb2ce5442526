"""The catalogue: every metric of ours, with what it means.

Names follow Prometheus' conventions: base units, ``_total`` for what only grows, ``_seconds`` and
``_timestamp_seconds`` for time.  They are an interface: alert rules and dashboards of others stand
on them, so none is renamed within a major version.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PREFIX: Final = "room_orchestrator_"


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: without our prefix; of a counter without ``_total``.
        kind: how it behaves.
        help: what it means, as a sentence without its full stop.
        labels: by which it is told apart.
        buckets: upper bounds of a histogram, in seconds.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def whole_name(self) -> str:
        """As it stands in /metrics and in queries; of a histogram what its series begin with."""
        return PREFIX + self.name + ("_total" if self.kind is Kind.COUNTER else "")


_CALL: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LISTING: Final = (0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_LINK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROOM: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_COMMIT: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_LAG: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

# --- told as it happens ---------------------------------------------------------------------------

CALLS: Final = Metric(
    "api_call_seconds",
    Kind.HISTOGRAM,
    "Requests to the Meetings API until their whole answer; outcome is 2xx to 5xx, or none where "
    "no whole answer came",
    ("method", "route", "outcome"),
    _CALL,
)
RETRIES: Final = Metric(
    "api_retries",
    Kind.COUNTER,
    "Requests to the Meetings API that repeated one before, within seconds",
    ("method", "route"),
)
THROTTLED: Final = Metric(
    "api_throttled", Kind.COUNTER, "Answers 429 of the Meetings API: it is asked too fast"
)
UNAUTHORIZED: Final = Metric(
    "api_unauthorized", Kind.COUNTER, "Answers 401 of the Meetings API: it refused our token"
)
LISTINGS: Final = Metric(
    "listing_seconds",
    Kind.HISTOGRAM,
    "Listings of all rooms; outcome is complete, doubtful or failed",
    ("outcome",),
    _LISTING,
)
COMMITS: Final = Metric(
    "store_commit_seconds",
    Kind.HISTOGRAM,
    "Commits of the store, from the wish until they were durable",
    (),
    _COMMIT,
)
FACTS: Final = Metric(
    "facts",
    Kind.COUNTER,
    "Facts that were recorded, by the event's name in docs/audit.md",
    ("event",),
)
PAGE_LINK: Final = Metric(
    "page_link_seconds",
    Kind.HISTOGRAM,
    "From the receipt of a new page until its link was durable",
    (),
    _LINK,
)
PAGE_ROOM: Final = Metric(
    "page_room_seconds",
    Kind.HISTOGRAM,
    "From the opening of a page until its first room was known",
    (),
    _ROOM,
)
DELIVERIES: Final = Metric(
    "delivery_seconds",
    Kind.HISTOGRAM,
    "Calls to destinations; outcome is sent or failed",
    ("destination", "outcome"),
    _CALL,
)
LAG: Final = Metric(
    "event_loop_lag_seconds",
    Kind.HISTOGRAM,
    "How much later than it was to the event loop came to something, looked at twice a second",
    (),
    _LAG,
)

# --- worked out when asked ------------------------------------------------------------------------

BUILD: Final = Metric("build_info", Kind.GAUGE, "Always 1; which version this is", ("version",))
READY: Final = Metric(
    "ready",
    Kind.GAUGE,
    "1 where store and policies are there, as /readyz says; 0 also during start and reload",
)
MODE: Final = Metric("mode", Kind.GAUGE, "1 for the mode in force, 0 for the others", ("mode",))
STARTED: Final = Metric(
    "start_timestamp_seconds",
    Kind.GAUGE,
    "When the daemon started, or took up another config.yaml",
)
LAST_PASS: Final = Metric(
    "last_pass_timestamp_seconds",
    Kind.GAUGE,
    "When a complete listing that is believed was last taken in; 0: none since the start",
)
ROOMS: Final = Metric(
    "rooms",
    Kind.GAUGE,
    "Rooms by policy and state, as in `room-orchestrator rooms list`; idle (a page needs no other "
    "room) and withheld (by the mode) are meant",
    ("policy", "state"),
)
OVERDUE: Final = Metric(
    "renewals_overdue",
    Kind.GAUGE,
    "Rooms to be renewed whose last twentieth of life has begun",
)
FIRST_END: Final = Metric(
    "first_end_timestamp_seconds",
    Kind.GAUGE,
    "When the first link that people have would end if nothing were renewed; absent without one",
)
HELD: Final = Metric(
    "held_keys", Kind.GAUGE, "Keys whose next act is held, by what holds it", ("by",)
)
BRAKE: Final = Metric(
    "brake_tripped", Kind.GAUGE, "1 while a brake holds removals and replacements"
)
BRAKED: Final = Metric("brake_held_keys", Kind.GAUGE, "Keys that the tripped brake holds")
API_UP: Final = Metric(
    "api_up", Kind.GAUGE, "1 where the Meetings API answers; absent until it was asked"
)
API_REFUSES: Final = Metric(
    "api_credentials_refused", Kind.GAUGE, "1 while the Meetings API refuses our credentials"
)
API_LAST_GOOD: Final = Metric(
    "api_last_good_timestamp_seconds",
    Kind.GAUGE,
    "When the Meetings API last answered a listing or an act in order; 0: not since the start",
)
CLOCKS: Final = Metric(
    "api_clock_difference_seconds",
    Kind.GAUGE,
    "The API's time less this machine's; beyond 120 either way nothing is ended",
)
WAITING: Final = Metric(
    "inbox_keys", Kind.GAUGE, "Keys that wait for their turn or have it, by lane", ("lane",)
)
WAITING_SINCE: Final = Metric(
    "inbox_wait_seconds",
    Kind.GAUGE,
    "For how long the key has waited whose turn comes next, in the slowest lane",
)
TURNS: Final = Metric("turns", Kind.COUNTER, "Turns of keys, by lane", ("lane",))
TURN_SECONDS: Final = Metric(
    "turn_seconds", Kind.COUNTER, "Seconds that turns of keys took, waits included", ("lane",)
)
PAGES: Final = Metric("pages", Kind.GAUGE, "Pages that are not over, by state", ("state",))
ROOMLESS: Final = Metric(
    "pages_without_room", Kind.GAUGE, "Open pages whose first room did not come in time"
)
BEHIND: Final = Metric(
    "deliveries_behind",
    Kind.GAUGE,
    "Messages that wait for another try; of a file 1 where it does not show what is",
    ("destination", "type"),
)
GIVEN_UP: Final = Metric(
    "deliveries_given_up",
    Kind.GAUGE,
    "Messages that are tried no more, until a reload",
    ("destination", "type"),
)
AUDIT_BEHIND: Final = Metric(
    "audit_behind_seconds",
    Kind.GAUGE,
    "Age of the oldest fact that the audit log does not have; 0 where it has all; absent where "
    "the store cannot be read",
)
AUDIT_LINES: Final = Metric(
    "audit_lines", Kind.GAUGE, "Lines of the audit log, as far as this daemon knows"
)
PROBLEMS: Final = Metric("policy_problems", Kind.GAUGE, "Problems of the policy files")
STALE: Final = Metric(
    "policy_stale",
    Kind.GAUGE,
    "By policy in force: 1 where its file or its subjects cannot be read and an older state holds",
    ("policy",),
)
DIRECTORIES: Final = Metric(
    "directories_failing", Kind.GAUGE, "Services with subjects that do not answer in order"
)
THEMES: Final = Metric("themes", Kind.GAUGE, "Themes by state", ("state",))
NEEDS: Final = Metric(
    "needs_attention",
    Kind.GAUGE,
    "What `room-orchestrator status` says that a person must look at, by its kind",
    ("kind",),
)
LATE: Final = Metric("loops_late", Kind.GAUGE, "Loops of the daemon that hang, as /healthz says")
SENDERS: Final = Metric(
    "page_messages",
    Kind.COUNTER,
    "Messages of paging systems; outcome is taken, refused (a wrong credential) or put_off",
    ("source", "outcome"),
)
CALLBACKS: Final = Metric(
    "callbacks",
    Kind.COUNTER,
    "Callbacks of the Meetings API; outcome is received, and of these doubled, foreign or unknown",
    ("outcome",),
)
CENSUS_AT: Final = Metric(
    "census_timestamp_seconds",
    Kind.GAUGE,
    "When rooms, renewals_overdue, held_keys and first_end were last counted",
)
CENSUS: Final = Metric("census_seconds", Kind.GAUGE, "Work that this count took")

TOLD: Final = (
    CALLS,
    RETRIES,
    THROTTLED,
    UNAUTHORIZED,
    LISTINGS,
    COMMITS,
    FACTS,
    PAGE_LINK,
    PAGE_ROOM,
    DELIVERIES,
    LAG,
)
READ: Final = (
    BUILD,
    READY,
    MODE,
    STARTED,
    LAST_PASS,
    ROOMS,
    OVERDUE,
    FIRST_END,
    HELD,
    BRAKE,
    BRAKED,
    API_UP,
    API_REFUSES,
    API_LAST_GOOD,
    CLOCKS,
    WAITING,
    WAITING_SINCE,
    TURNS,
    TURN_SECONDS,
    PAGES,
    ROOMLESS,
    BEHIND,
    GIVEN_UP,
    AUDIT_BEHIND,
    AUDIT_LINES,
    PROBLEMS,
    STALE,
    DIRECTORIES,
    THEMES,
    NEEDS,
    LATE,
    SENDERS,
    CALLBACKS,
    CENSUS_AT,
    CENSUS,
)
CATALOGUE: Final = (*TOLD, *READ)
