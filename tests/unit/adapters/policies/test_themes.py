"""Theme files: what a lawful one becomes, and one mistake a file with the expected message."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.pictures import picture_problem
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.policies.themes import THEME_MAX
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.domain.policies import GRACE
from orchestrator.domain.themes import LOGO_MAX, LogoType, ThemeWish
from orchestrator.foundation.problems import Place, Problem
from tests.pictures import FAVICON, LOGO, png

BAD = Path(__file__).parents[3] / "data" / "bad_theme"
READER = PolicyReader(SandboxedTemplates(), CronCalendar())
PICTURES: dict[str, bytes | Problem] = {
    "white.png": LOGO,
    "jpeg.png": b"\xff\xd8\xff\xe0",
    "cut.png": LOGO[:40],
    "wide.png": png(301, 40),
    "heavy.png": png(padding=LOGO_MAX),
    "opaque.png": png(colour_type=2),
    "locked.png": Problem(Place("themes/locked.png"), "cannot be read: Permission denied"),
}
WHOLE = """\
version: 1
name: corporate
description: Ours.
main_color: "#12F64E"
brand_text: Ünited ☎
short_company_url: acme_1
logos:
  white: brand/white.png
  favicon: brand/icon.png
default: true
removal: {grace: 3d}
"""


def parse(text: str, pictures: dict[str, bytes | Problem] | None = None) -> ThemeWish:
    parsed = READER.theme("themes/corporate.yaml", text.encode(), pictures or {})
    assert parsed.problems == ()
    assert parsed.theme is not None
    assert parsed.name == parsed.theme.name
    return parsed.theme


def test_everything_that_can_be_said_arrives() -> None:
    theme = parse(WHOLE, {"brand/white.png": LOGO, "brand/icon.png": FAVICON})
    assert (theme.name, theme.file) == ("corporate", "themes/corporate.yaml")
    assert (theme.main_color, theme.brand_text) == ("#12f64e", "Ünited ☎")
    assert theme.short_company_url == "acme_1"
    assert {kind: logo.file for kind, logo in theme.logos.items()} == {
        LogoType.WHITE: "themes/brand/white.png",
        LogoType.FAVICON: "themes/brand/icon.png",
    }
    assert theme.logos[LogoType.WHITE].content == LOGO
    assert (theme.default, theme.grace) == (True, timedelta(days=3))
    assert theme.places["default"] == Place("themes/corporate.yaml", 10, 10)


def test_what_is_not_said_has_its_default() -> None:
    theme = parse("version: 1\nname: a\nmain_color: '#abc'\nbrand_text: A\n")
    assert (theme.logos, theme.default, theme.grace) == ({}, False, GRACE)
    assert theme.short_company_url is None
    text = "version: 1\nname: a\nmain_color: '#abc'\nbrand_text: A\nremoval: {}\n"
    assert parse(text).grace == GRACE


def test_a_picture_is_looked_for_beside_its_theme() -> None:
    text = WHOLE.replace("brand/", "")
    pictures: dict[str, bytes | Problem] = {"x/white.png": LOGO, "x/icon.png": FAVICON}
    parsed = READER.theme("themes/x/corporate.yaml", text.encode(), pictures)
    assert parsed.problems == ()


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_mistake_has_its_message(path: Path) -> None:
    """The problems are those expected, all of them, in the order of their places."""
    parsed = READER.theme(f"themes/{path.name}", path.read_bytes(), PICTURES)
    told = "".join(f"{problem}\n" for problem in parsed.problems)
    assert told == path.with_suffix(".expected").read_text()
    assert parsed.theme is None


def test_an_oversized_theme_is_refused_unread() -> None:
    parsed = READER.theme("themes/big.yaml", b"#" * (THEME_MAX + 1), {})
    assert parsed.theme is None
    assert parsed.name == "big"
    assert "64 KiB" in str(parsed.problems[0])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png(1, 1), LogoType.WHITE),
        (png(300, 300), LogoType.COLORED),
        (png(16, 16), LogoType.FAVICON),
        (png(colour_type=4), LogoType.WHITE),
        (png(colour_type=3, palette_alpha=True), LogoType.WHITE),
        (png(colour_type=0, palette_alpha=True), LogoType.WHITE),
        (png(colour_type=2, palette_alpha=True), LogoType.WHITE),
    ],
)
def test_a_picture_that_the_api_takes(content: bytes, kind: LogoType) -> None:
    assert picture_problem(content, kind) is None


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (png(300, 301), LogoType.WHITE, "300 by 301"),
        (png(0, 10), LogoType.WHITE, "damaged"),
        (png(301, 10), LogoType.COLORED, "301 by 10"),
        (png(15, 15), LogoType.FAVICON, "15 by 15"),
        (png(33, 33), LogoType.FAVICON, "33 by 33"),
        (png(16, 17), LogoType.FAVICON, "square"),
        (png(colour_type=3), LogoType.WHITE, "transparent"),
        (png(colour_type=0), LogoType.WHITE, "transparent"),
        (b"", LogoType.WHITE, "no PNG"),
        (LOGO[:8], LogoType.WHITE, "cut off"),
    ],
)
def test_a_picture_that_it_does_not_take(content: bytes, kind: LogoType, words: str) -> None:
    assert words in (picture_problem(content, kind) or "")


def test_every_beginning_of_a_picture_is_refused() -> None:
    """Whatever is cut off: at no length does it pass for a whole one, or break the reader."""
    for length in range(len(LOGO)):
        assert picture_problem(LOGO[:length], LogoType.WHITE) is not None
