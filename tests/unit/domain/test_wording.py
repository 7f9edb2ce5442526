"""What people are told, in plain parts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.alerts import Alert
from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.pages import Page, Severity
from orchestrator.domain.wording import (
    TITLE_MOST,
    address,
    cut,
    message_of,
    message_of_alert,
    one_line,
)
from orchestrator.foundation.secret import Secret

MOMENT = datetime(2026, 11, 22, 15, 58, 42, tzinfo=UTC)
PAGE = Page("pagerduty", "Q2", "d" * 16, severity=Severity.HIGH, service="checkout", number="4711")
TOLD = Announcement(
    "id-1", 3, Stage.OPEN, "oncall", "oncall/pd-1", "It burns", "https://r.example/r/x", PAGE
)


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_has_its_own_words_and_the_link(stage: Stage) -> None:
    """Nobody has to know the others to understand one."""
    message = message_of(replace(TOLD, stage=stage))
    assert message.subject == f"{message.headline}: It burns"
    assert message.doors[0].url == "https://r.example/r/x"
    assert (message.id, message.revision, message.about) == ("id-1", 3, "oncall/pd-1")
    assert message.over == (stage is Stage.CLOSED)
    assert message.bad != message.over
    others = {message_of(replace(TOLD, stage=one)).headline for one in Stage} - {message.headline}
    assert len(others) == len(Stage) - 1


def test_what_is_known_of_a_page_is_told() -> None:
    """And what is not is left out."""
    told = replace(TOLD, opened_at=MOMENT, page=replace(PAGE, url="https://pd.example/4711"))
    message = message_of(told)
    assert message.facts == (
        ("Severity", "high"),
        ("Service", "checkout"),
        ("Page", "pagerduty 4711"),
        ("Opened", "2026-11-22 15:58 UTC"),
    )
    assert [door.url for door in message.doors] == [told.link, "https://pd.example/4711"]
    bare = message_of(replace(TOLD, page=Page("goalert", "7", "d" * 16)))
    assert bare.facts == (("Page", "goalert"),)
    assert len(bare.doors) == 1


def test_a_room_without_a_page_is_told_with_its_times() -> None:
    """In UTC, whatever zone they came in."""
    east = MOMENT.astimezone(timezone(timedelta(hours=2)))
    told = replace(TOLD, page=None, starts_at=east, ends_at=MOMENT, closed_at=MOMENT)
    message = message_of(told)
    assert [label for label, _ in message.facts] == ["Starts", "Ends", "Closed"]
    assert message.facts[0][1] == "2026-11-22 15:58 UTC"
    assert not message.bad


def test_a_note_is_a_further_sentence() -> None:
    """After our own."""
    told = replace(TOLD, stage=Stage.FALLBACK, note="It is the\nroom of the team.")
    assert message_of(told).sentences[-1] == "It is the room of the team."
    assert message_of(TOLD).sentences == ()


def test_a_host_link_is_told_until_it_is_over() -> None:
    """P11: and it never prints."""
    told = replace(TOLD, host_link=Secret("hunter2"))
    assert message_of(told).host == Secret("hunter2")
    assert "hunter2" not in repr(message_of(told))
    assert message_of(replace(told, stage=Stage.CLOSED)).host is None


def test_a_title_that_says_nothing_is_its_key() -> None:
    """Never blank."""
    assert message_of(replace(TOLD, title=" \n\u202e ")).title == "oncall/pd-1"


def test_a_link_that_no_browser_should_follow_is_no_door() -> None:
    """The message is told all the same."""
    told = replace(TOLD, link="javascript:alert(1)", page=replace(PAGE, url="ftp://x"))
    assert message_of(told).doors == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nBcc: x", "a Bcc: x"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("\u202eevil\u2066", "evil"),
        ("half \ud800 of it", "half ? of it"),
        ("two\u2028lines", "two lines"),
        ("  much   room ", "much room"),
        ("0123456789abc", "012345678…"),
        ("01234567 9abc", "01234567…"),
    ],
)
def test_a_text_becomes_one_line(text: str, line: str) -> None:
    """Without what no destination shows well."""
    assert one_line(text, 10 if text.startswith("0") else 40) == line


@given(st.text())
def test_whatever_comes_is_one_short_line(text: str) -> None:
    """That every destination can encode."""
    line = one_line(text, TITLE_MOST)
    assert len(line) <= TITLE_MOST
    assert not line or line.splitlines() == [line]
    line.encode()


def test_what_fits_is_not_cut() -> None:
    """To the last character."""
    assert cut("12345", 5) == "12345"
    assert cut("123456", 5) == "1234…"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://r.example/r/a?b=c&d=%20#e", "https://r.example/r/a?b=c&d=%20#e"),
        ("HTTPS://r.example:8443/x", "https://r.example:8443/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://http/http", "http://http/http"),
        ("https://r.example", "https://r.example"),
        (
            "https://r.example/a|b>c\"d'e)f<!here>",
            "https://r.example/a%7Cb%3Ec%22d%27e%29f%3C!here%3E",
        ),
        ("https://r.example/ü", "https://r.example/%C3%BC"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("https://anna:pw@r.example/", ""),
        ("https://r.exa\nmple/", ""),
        ("https://r.ex<ample/", ""),
        ("https://[::1/", ""),
        ("//r.example/x", ""),
        ("", ""),
        ("https://r.example/" + "x" * 2_000, ""),
    ],
)
def test_an_address_is_plain_or_none(url: str, told: str) -> None:
    """No mark of any markup language stays in it."""
    assert address(url) == told


@given(st.text(max_size=200))
def test_whatever_comes_is_no_way_out_of_a_markup(text: str) -> None:
    """Of angle brackets, quotes, pipes and blanks."""
    found = address(f"https://r.example/{text}")
    assert not set(found) & set("<>\"'|`()[]{}\\ \n\t")
    assert found.isascii()


def test_an_alert_is_told_and_ended_as_one_thing() -> None:
    """The id is its cause's and its beginning's."""
    alert = Alert("brake", "A brake holds 4 rooms.\nSee them.", MOMENT)
    begun = message_of_alert(alert, 1, over=False)
    assert begun.title == "A brake holds 4 rooms. See them."
    assert begun.facts == (("Since", "2026-11-22 15:58 UTC"),)
    assert (begun.about, begun.bad, begun.over) == ("brake", True, False)
    ended = message_of_alert(alert, 2, over=True)
    assert (ended.id, ended.bad, ended.over) == (begun.id, False, True)
    assert message_of_alert(replace(alert, cause="api"), 1, over=False).id != begun.id
    later = replace(alert, since=MOMENT + timedelta(seconds=1), message="")
    assert message_of_alert(later, 1, over=False).id != begun.id
    assert message_of_alert(later, 1, over=False).title == "brake"
