"""Themes that are there already: which become files, by which names, and which are left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from orchestrator.domain.importedthemes import ThemeDraft, ThemeImport, WhyTheme, import_themes
from orchestrator.domain.themes import LogoType, Theme, api_name

OWNER = "nordlicht-prod"


def theme(theme_id: str = "t1", name: str = "Acme", **fields: Any) -> Theme:
    usual = {"main_color": "#12f64e", "brand_text": "Acme & Co", "short_company_url": None}
    return Theme(theme_id, {"theme_name": name, **usual, **fields})


def imported(
    *themes: Theme, in_force: Mapping[str, str] | None = None, taken: Collection[str] = ()
) -> ThemeImport:
    return import_themes(themes, {}, OWNER, in_force or {}, taken)


def test_a_theme_becomes_a_file_with_its_pictures() -> None:
    """As it is; what it has no line for is left out."""
    pictures = {"t1": {LogoType.WHITE: b"png"}}
    made = import_themes([theme(short_company_url="acme")], pictures, OWNER, {}, ())
    assert made.drafts == (
        ThemeDraft("acme", "t1", "Acme", "#12f64e", "Acme & Co", "acme", pictures["t1"]),
    )
    assert (made.names, made.left_out) == ({"t1": "acme"}, {})
    assert "png" not in repr(made.drafts[0]), "a picture is no text"


@pytest.mark.parametrize("company", ["12345", "a b", "", "x" * 129])
def test_a_company_url_that_no_file_can_say_stays_as_it_is(company: str) -> None:
    (draft,) = imported(theme(short_company_url=company)).drafts
    assert draft.company is None


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (theme(name=api_name(OWNER, "corporate")), WhyTheme.OURS),
        (theme("t-known"), WhyTheme.OURS),
        (theme(name="corporate~0a1b2c3d"), WhyTheme.FOREIGN),
        (theme(main_color="red"), WhyTheme.UNSAYABLE),
        (theme(main_color=None), WhyTheme.UNSAYABLE),
        (theme(brand_text=None), WhyTheme.UNSAYABLE),
        (theme(brand_text="  "), WhyTheme.UNSAYABLE),
        (theme(brand_text="a\u2028b"), WhyTheme.UNSAYABLE),
        (theme(brand_text="x" * 201), WhyTheme.UNSAYABLE),
    ],
)
def test_what_is_left_out_is_told_with_its_reason(one: Theme, why: WhyTheme) -> None:
    """What is somebody's, and what a file would change."""
    made = imported(one, in_force={"t-known": "known"})
    assert (made.drafts, made.left_out) == ((), {why: [one.name]})


def test_where_no_owner_is_known_every_mark_is_anothers() -> None:
    made = import_themes([theme(name=api_name(OWNER, "corporate"))], {}, "", {}, ())
    assert list(made.left_out) == [WhyTheme.FOREIGN]


def test_names_are_lawful_and_each_ones_own() -> None:
    """Namesakes, those that are taken, and names without a Latin letter end in digits."""
    themes = [
        theme("t3", "会议室"),
        theme("t2", "ACME!"),
        theme("t1", "Acme"),
        theme("t4", "Küche"),
        theme("t5", "x" * 200),
    ]
    names = imported(*themes, taken=["kuche"]).names
    assert names["t1"] == "acme"
    assert names["t5"] == "x" * 40
    digits = {name: names[name].rpartition("-") for name in ("t2", "t3", "t4")}
    assert [digits[name][0] for name in ("t2", "t3", "t4")] == ["acme", "theme", "kuche"]
    assert all(len(one[2]) == 8 for one in digits.values())
    assert names == imported(*reversed(themes), taken=["kuche"]).names
    taken = [*names.values()]
    (again,) = imported(theme("t2", "ACME!"), taken=taken).names.values()
    assert again not in taken
    assert len(again) <= 63
