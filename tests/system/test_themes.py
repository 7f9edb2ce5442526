"""A theme from a file to the page that people see, by the real daemon and our real server."""

from __future__ import annotations

import re
import urllib.request
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.pictures import FAVICON, LOGO, png
from tests.system.clocks import WallClock, sets_clocks
from tests.system.installation import Installation, policy

THEME = """\
version: 1
name: brand
main_color: "#0b5d6b"
brand_text: Nordlicht & Co
short_company_url: nordlicht
logos: {white: white.png, colored: colored.png, favicon: favicon.png}
removal: {grace: 60s}
"""
COLORED = png(100, 50, shade=7)
GRACE = timedelta(seconds=60)  # the least that there is


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation with a theme, and a policy whose room has it; no daemon runs."""
    made = Installation.made(tmp_path)
    (tmp_path / "policies" / "themes").mkdir()
    for name, content in (("white", LOGO), ("colored", COLORED), ("favicon", FAVICON)):
        (tmp_path / "policies" / "themes" / f"{name}.png").write_bytes(content)
    made.put("themes/brand.yaml", THEME)
    made.put("teams.yaml", themed())
    return made


def themed(name: str = "brand") -> str:
    room = f"type: long_term, theme: {name}," if name else "type: long_term,"
    return policy("teams", ["a"]).replace("type: long_term,", room)


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the test's own server
        body: bytes = answer.read()
        return body


def page(own: Installation) -> str:
    """The page behind the link that people were told."""
    return fetched(own.links()["teams/a"]["guest_url"]).decode()


def pictures(own: Installation) -> set[bytes]:
    """The pictures that the page shows."""
    url, text = own.links()["teams/a"]["guest_url"], page(own)
    found = re.findall(r'(?:src|href)="([^"]+\.png[^"]*|[^"]*logos/[^"]+)"', text)
    return {fetched(urljoin(url, one)) for one in found}


@sets_clocks
@pytest.mark.timeout(240)
def test_a_theme_from_yaml_to_the_page_and_away_again(own: Installation) -> None:
    """Made before its room, with three pictures; changed; removed when no room has it any more."""
    with own.daemon():
        made = own.a_fact("theme.created")
        born = own.a_fact("room.created", key="teams/a")
        assert made["seq"] < born["seq"]
        own.until(lambda: "teams/a" in own.links(), "the link is told")
        uploaded = own.a_fact("theme.logos_uploaded")
        assert set(uploaded["detail"]["logos"]) == {"white", "colored", "favicon"}
        shown = page(own)
        assert "Nordlicht &amp; Co" in shown
        assert "#0b5d6b" in shown
        assert pictures(own) == {LOGO, FAVICON}  # the white one, on so dark a colour
        (row,) = own.ask("status", "--json").json["themes"]
        assert (row["name"], row["state"], row["rooms"]) == ("brand", "kept", 1)

        new = png(100, 50, shade=200)
        (own.folder / "policies" / "themes" / "colored.png").write_bytes(new)
        (own.folder / "policies" / "themes" / "white.png").write_bytes(new)
        own.put("themes/brand.yaml", THEME.replace("0b5d6b", "AA0000"))
        own.a_fact("theme.updated")
        own.a_fact("theme.logos_uploaded", count=2)
        assert "#aa0000" in page(own)
        assert pictures(own) == {new, FAVICON}

        own.put("themes/brand.yaml", THEME.replace('"#0b5d6b"', "red"))
        own.until(lambda: own.ask("status", "--json").json["problems"], "the mistake is told")
        problem = own.ask("status", "--json").json["problems"][0]
        assert problem["place"] == {"file": "themes/brand.yaml", "line": 3, "column": 13}
        own.put("themes/brand.yaml", THEME.replace("0b5d6b", "AA0000"))
        own.until(lambda: not own.ask("status", "--json").json["problems"], "it is mended")

        own.put("teams.yaml", themed(""))
        own.a_fact("room.updated", key="teams/a")
        assert "Nordlicht" not in page(own)
        own.drop("themes/brand.yaml")
        own.a_fact("theme.tombstoned")
        assert own.facts("theme.removed") == []
    later = WallClock.made(own.folder, GRACE)
    with own.daemon(environ=later.environ):
        own.until(lambda: own.facts("theme.removed"), "the theme is removed")
    assert own.ask("status", "--json").json["themes"] == []
    events = [fact["event"] for fact in own.facts() if fact["event"].startswith("theme.")]
    assert [event for event in events if event != "theme.started"] == [
        "theme.created",
        "theme.logos_uploaded",
        "theme.updated",
        "theme.logos_uploaded",
        "theme.tombstoned",
        "theme.removed",
    ]
    assert own.ask("audit", "verify", "--json").json["whole"] is True


def test_p12_a_rebuilt_store_knows_which_pictures_were_uploaded(own: Installation) -> None:
    """Nothing is left to do after it, and a picture that changed since is uploaded alone."""
    assert own.ask("plan", "--json").code == 3
    assert own.ask("apply").code == 0
    for file in own.store.parent.glob("orchestrator.db*"):
        file.unlink()
    said = own.ask("state", "rebuild", "--json", "--reason", "it was lost")
    assert said.code == 0, said.err
    assert said.json["known"]["themes"] == 1
    planned = own.ask("plan", "--json")
    assert (planned.code, planned.json["themes"]) == (0, []), planned.out
    (own.folder / "policies" / "themes" / "colored.png").write_bytes(png(60, 60))
    line = own.ask("plan", "--json").json["themes"][0]
    assert [change["path"] for change in line["changes"]] == ["logos.colored"]
    assert own.ask("apply").code == 0
    assert len(own.facts("theme.logos_uploaded")) == 2
    assert len(own.facts("theme.created")) == 1


def test_a_lost_store_that_is_not_rebuilt_finds_its_theme_by_its_name(own: Installation) -> None:
    """It is kept, and made no second time; its pictures are given to it once more."""
    assert own.ask("apply").code == 0
    for file in own.store.parent.glob("orchestrator.db*"):
        file.unlink()
    before = len(own.facts())
    assert own.ask("apply").code == 0
    events = [fact["event"] for fact in own.facts()[before:]]
    assert [one for one in events if one.startswith("theme.") and one != "theme.started"] == [
        "theme.adopted",
        "theme.logos_uploaded",
    ]
