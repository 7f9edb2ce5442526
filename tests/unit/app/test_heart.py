"""The heartbeat through the phases of a life, as a service manager hears it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.app.heart import LONGEST_END, LONGEST_PASSAGE, Heart
from orchestrator.domain.reports import HealthReport, LoopRow, ReadinessReport
from tests.fakes.clock import VirtualClock
from tests.manager import Manager


@dataclass
class Patient:
    """An engine's face to the heart."""

    line: str = "enforce · 3 rooms wanted"
    hanging: tuple[str, ...] = ()
    beats: int = 0

    def health(self) -> HealthReport:
        rows = tuple(LoopRow(name, 9999.0, 1.0, late=True) for name in self.hanging)
        return HealthReport(not rows, rows)

    def readiness(self) -> ReadinessReport:
        return ReadinessReport(True, "", None, None, "ok")

    def headline(self) -> str:
        return self.line

    def beat(self) -> None:
        self.beats += 1


@dataclass
class Stand:
    """A heart, its time, and who hears it."""

    manager: Manager
    clock: VirtualClock = field(default_factory=VirtualClock)
    patient: Patient = field(default_factory=Patient)
    heart: Heart = field(init=False)

    def __post_init__(self) -> None:
        self.heart = Heart(self.manager.lifeline(30_000_000), self.clock)

    def after(self, seconds: float) -> list[str]:
        """The words of one beat, so much later."""
        self.clock.advance(seconds)
        self.heart.once()
        return [next(iter(message)) for message in self.manager.hear()]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with Manager.listening(tmp_path / "n") as manager:
        yield Stand(manager)


def test_a_start_asks_for_time_until_it_hangs(stand: Stand) -> None:
    """100,000 rooms take as long as they take; a start that never ends is ended."""
    assert stand.after(0) == ["EXTEND_TIMEOUT_USEC", "WATCHDOG"]
    assert stand.after(LONGEST_PASSAGE) == ["EXTEND_TIMEOUT_USEC", "WATCHDOG"]
    assert stand.after(1) == ["STATUS"]
    assert stand.manager.told("STATUS") == ["hanging: starting"]


def test_ready_tells_first_how_things_are(stand: Stand) -> None:
    """Whoever waits for READY sees a status with it; then only what changes is told."""
    stand.heart.running(stand.patient)
    assert [next(iter(message)) for message in stand.manager.hear()] == ["STATUS", "READY"]
    assert stand.after(5) == ["WATCHDOG"]
    stand.patient.line = "enforce · 4 rooms wanted"
    assert stand.after(5) == ["WATCHDOG", "STATUS"]
    assert stand.patient.beats == 2


def test_a_hang_is_silence_and_its_end_is_heard(stand: Stand) -> None:
    """The status names the loop; no datagram of the watchdog leaves."""
    stand.heart.running(stand.patient)
    stand.manager.hear()
    stand.patient.hanging = ("resync", "worker-3")
    assert stand.after(5) == ["STATUS"]
    assert stand.manager.told("STATUS")[-1] == "hanging: resync, worker-3"
    assert stand.after(5) == []
    stand.patient.hanging = ()
    assert stand.after(5) == ["WATCHDOG", "STATUS"]


def test_a_reload_that_never_ends_is_a_hang(stand: Stand) -> None:
    """Between two lives there is nobody to be looked at, and time passes all the same."""
    stand.heart.running(stand.patient)
    stand.heart.reloading()
    stand.heart.changing()
    stand.manager.hear()
    assert stand.after(LONGEST_PASSAGE) == ["WATCHDOG"]
    assert stand.after(1) == ["STATUS"]
    stand.heart.running(stand.patient)
    stand.manager.hear()
    assert stand.after(5) == ["WATCHDOG"]


def test_the_end_is_told_once_and_no_reload_takes_it_back(stand: Stand) -> None:
    """A reload that was under way when the signal came says READY no more."""
    stand.heart.running(stand.patient)
    stand.heart.reloading()
    stand.manager.hear()
    stand.heart.stopping()
    stand.heart.stopping()
    stand.heart.reloaded(stand.patient)
    assert stand.after(5) == ["STOPPING", "STATUS", "EXTEND_TIMEOUT_USEC", "WATCHDOG"]
    assert stand.after(LONGEST_END - 5) == ["EXTEND_TIMEOUT_USEC", "WATCHDOG"]
    assert stand.after(1) == ["STATUS"]  # an end that hangs is ended at the unit's own time


@pytest.mark.parametrize(
    ("usec", "seconds"),
    [(0, 5), (60_000_000, 5), (3_000_000, 1)],
    ids=["none", "a-minute", "three-seconds"],
)
def test_it_beats_thrice_within_the_patience_of_the_watchdog(
    usec: int, seconds: float, tmp_path: Path
) -> None:
    """And every five seconds where that is enough, for the status."""
    with Manager.listening(tmp_path / "n") as manager:
        heart = Heart(manager.lifeline(usec), VirtualClock())
        assert heart.interval == timedelta(seconds=seconds)
