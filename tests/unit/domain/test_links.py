"""Our own links: their spelling, and which of them are refused."""

from datetime import UTC, datetime

import pytest

from orchestrator.domain.announcements import Stage
from orchestrator.domain.keys import InvalidKeyError
from orchestrator.domain.links import (
    FEED_PATH,
    NO_LINKS,
    PATH,
    Addresses,
    Coming,
    LinkScheme,
    LinkView,
    Target,
    led_to,
)
from orchestrator.foundation.secret import Secret

URL = "https://rooms.example.com"
SCHEME = LinkScheme(URL, Secret("k" * 32))
OPEN = LinkScheme(URL, Secret("k" * 32), tokened=False)


def path(link: str) -> str:
    """What the server sees of a link."""
    assert link.startswith(URL + PATH)
    return link.removeprefix(URL + PATH)


def test_a_link_is_spelled_so_for_ever() -> None:
    """It stands in calendars and on doors: another spelling would be another link."""
    assert SCHEME.link_of("team-rooms", "checkout") == (
        "https://rooms.example.com/r/team-rooms/checkout-scjbc5y6y6erg3vk"
    )
    assert SCHEME.series_of("all-hands") == "https://rooms.example.com/r/all-hands-podldtdsrcg2nzkx"
    feed = SCHEME.feed_of("calendar")
    assert feed == "https://rooms.example.com/calendar/ps4g75im27db7qjxrkfwxkmnwtx3vwlw.ics"


def test_a_link_of_an_open_installation_has_no_token() -> None:
    """But for the two names that a browser takes for folders."""
    assert OPEN.link_of("team-rooms", "checkout") == f"{URL}/r/team-rooms/checkout"
    assert OPEN.series_of("all-hands") == f"{URL}/r/all-hands"
    assert OPEN.link_of("team-rooms", "..") == SCHEME.link_of("team-rooms", "..")
    assert OPEN.read(path(OPEN.link_of("team-rooms", ".."))) == Target("team-rooms", "..")


def test_without_a_public_address_there_are_no_links() -> None:
    """Nobody could follow one."""
    none = LinkScheme("", Secret("k" * 32))
    assert (none.link_of("a", "b"), none.series_of("a"), none.feed_of("c")) == ("", "", "")
    assert none.digest == ""


def test_the_calendar_of_a_series_has_an_address_of_its_own() -> None:
    """Signed for that purpose alone: neither a link's token nor a whole calendar's opens it."""
    feed = SCHEME.series_feed_of("all-hands")
    assert feed == f"{URL}/calendar/all-hands-g5ucy7g742l427ct5r4zzl3laowbufsc.ics"
    name = feed.removeprefix(URL + FEED_PATH)
    assert SCHEME.series_of_feed(name) == "all-hands"
    token = SCHEME.series_of("all-hands").rpartition("-")[2]
    whole = SCHEME.feed_of("all-hands").removeprefix(URL + FEED_PATH)
    for wrong in (
        name.removesuffix(".ics"),
        name.replace("all-hands", "others"),
        name.replace("all-hands", "All Hands"),
        f"all-hands-{token}.ics",
        f"all-hands-{whole}",
        whole,
        "all-hands-\udcff.ics",
        ".ics",
        "",
    ):
        assert SCHEME.series_of_feed(wrong) == ""
    assert not SCHEME.is_feed(name, "all-hands")
    assert NO_LINKS.series_feed_of("all-hands") == ""


def test_a_whole_link_is_read_back() -> None:
    """By whoever is given one of ours, and no other's."""
    link = SCHEME.link_of("team-rooms", "größte / Gruppe")
    assert SCHEME.target_of(link) == Target("team-rooms", "gr%C3%B6%C3%9Fte%20%2F%20Gruppe")
    assert SCHEME.target_of(link.replace("example", "elsewhere")) is None
    assert SCHEME.target_of("") is None
    assert NO_LINKS.target_of("/r/team-rooms/checkout") is None


def test_a_page_is_told_no_more_than_its_own_link_lets_in_to() -> None:
    """Where links have tokens, that of one meeting is not that of all."""
    one, all_ = Target("all-hands", "2026-12-03T1500"), Target("all-hands")
    coming = (Coming("All hands", datetime(2026, 12, 10, 14, tzinfo=UTC)),)
    over = LinkView(Stage.CLOSED, coming=coming)
    assert SCHEME.addresses(one, over) == Addresses(SCHEME.link_of("all-hands", "2026-12-03T1500"))
    assert OPEN.addresses(one, over).series == OPEN.series_of("all-hands")
    assert OPEN.addresses(one, LinkView(Stage.CLOSED)).series == ""
    assert OPEN.addresses(all_, over).series == ""
    shown = SCHEME.addresses(all_, LinkView(Stage.OPEN, coming=coming, has_calendar=True))
    assert shown == Addresses(
        SCHEME.series_of("all-hands"), calendar=SCHEME.series_feed_of("all-hands")
    )
    assert shown.here == "all-hands-podldtdsrcg2nzkx"


@pytest.mark.parametrize(
    ("address", "led"),
    [
        ("https://meet.example/j?x=1#y", True),
        ("http://127.0.0.1:8441/4711", True),
        ("javascript:alert(1)", False),
        ("https://meet.example/a b", False),
        ("https://meet.example/ü", False),
        ("https://meet.example/\r\nX: y", False),
        ("//meet.example/", False),
        ("", False),
    ],
)
def test_people_are_sent_to_plain_addresses_alone(address: str, *, led: bool) -> None:
    """Whatever an API says of its rooms."""
    assert led_to(address) == (address if led else "")


def test_what_cannot_be_a_key_has_no_link() -> None:
    """As everywhere."""
    with pytest.raises(InvalidKeyError):
        SCHEME.link_of("Team Rooms", "checkout")


@pytest.mark.parametrize(
    "spelled",
    [
        "team-rooms/checkout",
        "team-rooms/checkout-",
        "team-rooms/checkout-scjbc5y6y6erg3v",
        "team-rooms/checkout-scjbc5y6y6erg3vk1",
        "team-rooms/checkout-aaaaaaaaaaaaaaaa",
        "team-rooms/search-scjbc5y6y6erg3vk",
        "other/checkout-scjbc5y6y6erg3vk",
        "team-rooms-scjbc5y6y6erg3vk",
        "Team/checkout-scjbc5y6y6erg3vk",
        "team-rooms/-scjbc5y6y6erg3vk",
        "team-rooms/%FF-scjbc5y6y6erg3vk",
        "-scjbc5y6y6erg3vk",
        "",
        "/",
        "é-scjbc5y6y6erg3vk",
    ],
)
def test_a_link_with_another_token_is_none(spelled: str) -> None:
    """Nothing but the whole right one opens."""
    assert SCHEME.read(spelled) is None


def test_another_secret_makes_other_links() -> None:
    """And takes none of the former ones."""
    other = LinkScheme(URL, Secret("l" * 32))
    assert other.read(path(SCHEME.link_of("team-rooms", "checkout"))) is None
    assert other.digest != SCHEME.digest
    assert OPEN.digest != SCHEME.digest


@pytest.mark.parametrize(
    ("subject", "theirs"),
    [
        ("data platform", "data platform"),
        ("straße", "straße"),
        ("straße", "stra%c3%9fe"),
        ("a/b", "a/b"),
        ("a~b", "a~b"),
        ("x" * 130, None),
    ],
)
def test_the_spellings_of_browsers_and_mail_programs_are_taken(
    subject: str, theirs: str | None
) -> None:
    """They write some characters plainly or encoded, as both mean the same to them."""
    target = SCHEME.read(path(SCHEME.link_of("team-rooms", subject)))
    assert target is not None
    token = SCHEME.link_of("team-rooms", subject)[-17:]
    spelled = target.subject.replace("~", "%7e") if theirs is None else theirs
    assert SCHEME.read(f"team-rooms/{spelled}{token}") == target
    assert SCHEME.read(f"team-rooms/{spelled}{token.upper()}") == target


def test_an_open_installation_takes_links_with_and_without_a_token() -> None:
    """What was given out before it was opened still leads on."""
    target = Target("team-rooms", "checkout")
    assert OPEN.read("team-rooms/checkout") == target
    assert OPEN.read(path(SCHEME.link_of("team-rooms", "checkout"))) == target
    assert OPEN.read(path(SCHEME.series_of("all-hands"))) == Target("all-hands")
    assert OPEN.read("all-hands") == Target("all-hands")
    # A wrong token is no token: it may be the end of a subject's name.
    assert OPEN.read("team-rooms/checkout-aaaaaaaaaaaaaaaa") == Target(
        "team-rooms", "checkout-aaaaaaaaaaaaaaaa"
    )
    assert OPEN.read("Team Rooms") is None
    assert OPEN.read("team-rooms/%00") is None


def test_each_feed_has_an_address_of_its_own() -> None:
    """No token of a link is one of a feed, whatever either is called."""
    name = SCHEME.feed_of("calendar").removeprefix(URL + FEED_PATH)
    assert SCHEME.is_feed(name, "calendar")
    assert not SCHEME.is_feed(name, "other")
    assert not SCHEME.is_feed("é\udcff.ics", "calendar")
    assert len({SCHEME.feed_of("a"), SCHEME.feed_of("b")}) == 2
    assert SCHEME.series_of("calendar")[-16:] not in SCHEME.feed_of("calendar")


def test_no_secret_prints() -> None:
    """P11: the scheme is handed about."""
    assert "kkk" not in repr(SCHEME)


@pytest.mark.parametrize(
    ("view", "leads_to"),
    [
        (LinkView(Stage.OPEN, room_link="https://m/1"), "https://m/1"),
        (LinkView(Stage.WAITING, room_link="https://m/1"), ""),
        (LinkView(Stage.FALLBACK, fallback_link="https://m/2"), ""),
    ],
)
def test_only_an_open_room_is_led_to_at_once(view: LinkView, leads_to: str) -> None:
    """A fallback says first what it is."""
    assert view.leads_to == leads_to
