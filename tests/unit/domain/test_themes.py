"""Themes as values: whose one is, and what tells one wish from another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.themes import (
    COLOR,
    COMPANY_URL,
    Logo,
    LogoType,
    Theme,
    ThemeWish,
    api_name,
    own_name,
)

WISH = ThemeWish("corporate", "themes/corporate.yaml", "0" * 16, "#12f64e", "Acme")


def test_a_theme_of_ours_is_known_by_its_name() -> None:
    """Also by a store that was lost and knows nothing of it."""
    name = api_name("acme", "corporate")
    assert name.startswith("corporate~")
    assert len(name) == len("corporate~") + 8
    assert own_name("acme", name) == "corporate"


@pytest.mark.parametrize(
    "theme_name", ["corporate", "", api_name("other", "corporate"), api_name("acme", "")]
)
def test_a_theme_without_our_mark_is_anothers(theme_name: str) -> None:
    assert own_name("acme", theme_name) is None


def test_only_what_the_file_names_is_asked_for() -> None:
    fields = {
        "theme_name": api_name("acme", "corporate"),
        "main_color": "#12f64e",
        "brand_text": "Acme",
    }
    assert WISH.fields("acme") == fields
    wish = replace(WISH, short_company_url="acme")
    assert wish.fields("acme") == fields | {"short_company_url": "acme"}


def test_another_wish_has_another_digest() -> None:
    """Whatever of it is another; where it stands and what its text is counts for nothing."""
    logo = Logo("themes/a.png", b"a")
    others = [
        WISH,
        replace(WISH, main_color="#000"),
        replace(WISH, brand_text="Other"),
        replace(WISH, short_company_url="acme"),
        replace(WISH, default=True),
        replace(WISH, logos={LogoType.WHITE: logo}),
        replace(WISH, logos={LogoType.COLORED: logo}),
        replace(WISH, logos={LogoType.WHITE: Logo("themes/a.png", b"b")}),
    ]
    assert len({wish.digest for wish in others}) == len(others)
    assert replace(WISH, file="themes/b.yaml", version="1" * 16).digest == WISH.digest


def test_a_picture_is_not_printed() -> None:
    assert "PNG" not in repr(Logo("a.png", b"PNG"))


def test_a_theme_without_a_name_has_none() -> None:
    assert Theme("t", {"theme_name": None}).name == ""


@pytest.mark.parametrize(
    ("text", "color", "company"),
    [
        ("#12f64e", True, False),
        ("#ABC", True, False),
        ("#abcd", False, False),
        ("12f64e", False, True),
        ("acme_corp~1-x", False, True),
        ("12345", False, False),
        ("a b", False, False),
        ("", False, False),
    ],
)
def test_colours_and_company_urls(text: str, color: bool, company: bool) -> None:
    assert (COLOR.fullmatch(text) is not None) is color
    assert (COMPANY_URL.fullmatch(text) is not None) is company
