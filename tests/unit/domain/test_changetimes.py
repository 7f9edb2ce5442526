"""When what stands may be changed, as values."""

from datetime import date

from orchestrator.domain.changetimes import AT_ANY_TIME, ChangeTimes, change_times
from orchestrator.foundation.weekhours import read_hours

HOURS = "MON-THU 09:00-16:00 Europe/Berlin"


def test_what_was_written_is_read() -> None:
    assert change_times(["any"], ()) == AT_ANY_TIME
    assert change_times([], ["2026-12-24"]) == ChangeTimes((), frozenset({date(2026, 12, 24)}))
    assert change_times([HOURS], ()) == ChangeTimes((read_hours(HOURS),))


def test_they_are_told_in_a_few_words() -> None:
    assert str(AT_ANY_TIME) == "at any time"
    assert str(change_times([], ())) == "by reviewed plans alone"
    assert str(change_times([HOURS, HOURS], ())) == f"{HOURS}, {HOURS}"
