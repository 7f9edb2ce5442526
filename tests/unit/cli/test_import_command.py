"""`import` of a saved listing: what it writes, what it refuses, and what it prints."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.meetings.wire import read_room
from orchestrator.adapters.policies.adopted import AdoptedFile
from orchestrator.app import importing
from orchestrator.app.importingthemes import Themed
from orchestrator.cli.view.imports import show_import
from orchestrator.cli.view.screen import Screen
from orchestrator.domain.reports import (
    ImportedPolicy,
    ImportedTheme,
    ImportReport,
    LeftOutRow,
)
from orchestrator.domain.rooms import Observed
from orchestrator.domain.themes import LogoType, Theme, api_name
from orchestrator.foundation.instants import format_instant
from tests.pictures import LOGO
from tests.reports import NOW
from tests.unit.cli.conftest import CommandLine

GOLDEN = Path(__file__).parents[2] / "data" / "cli"


def room(room_id: str, **fields: Any) -> dict[str, Any]:
    """A long_term room of a year, ten days old."""
    return {
        "id": room_id,
        "display_name": f"Room {room_id}",
        "type": "long_term",
        "created_at": format_instant(NOW - timedelta(days=10)),
        "expires_at": format_instant(NOW + timedelta(days=350)),
        **fields,
    }


def saved(ro: CommandLine, *rooms: Any, **page: Any) -> str:
    """A listing in a file, by its name."""
    document = {"_embedded": rooms, **page}
    (ro.folder / "rooms.json").write_text(json.dumps(document))
    return "rooms.json"


@pytest.fixture
def here(ro: CommandLine) -> CommandLine:
    """An installation with an empty folder of policies and no store."""
    (ro.folder / "policies").mkdir()
    return ro


def there(folder: Path) -> dict[str, str]:
    """All files of a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_without_a_word_nothing_is_written(here: CommandLine) -> None:
    """It tells what would be, in a pipe as JSON, with the exit code of changes to come."""
    said = here("import", saved(here, room("1"), room("2", type="instant")))
    told = json.loads(said.out)
    assert (said.code, said.err, there(here.folder / "policies")) == (3, "", {})
    assert (told["read"], told["taken"], told["written"]) == (2, 1, False)
    assert told["files"] == [
        "policies/data/adopted.yaml",
        "policies/data/imported.yaml",
        "policies/imported.yaml",
    ]
    assert told["then"].startswith("room-orchestrator import rooms.json --into")
    (left,) = told["left_out"]
    assert (left["rooms"], left["some"]) == (1, ["2"])


def test_it_writes_policies_data_and_the_list_and_writes_nothing_over(here: CommandLine) -> None:
    """A second time is refused by name, with how to mend it; another prefix is another policy."""
    listing = saved(here, room("1"), room("2", metadata="cost centre 7"))
    said = here("import", listing, "--write", terminal=80)
    assert said.code == 0, said.err
    files = there(here.folder / "policies")
    assert set(files) == {"data/adopted.yaml", "data/imported.yaml", "imported.yaml"}
    assert here("validate").code == 0
    lines = files["data/adopted.yaml"].splitlines()
    assert '  - {"room": "1", "key": "imported/room-1", "name": "Room 1"}' in lines
    again = here("import", saved(here, room("3")), "--write")
    assert again.code == 2
    assert "policies/data/imported.yaml and 1 more is there already" in again.err
    assert "--prefix NAME" in again.err
    assert there(here.folder / "policies") == files
    assert here("import", saved(here, room("1"), room("3")), "--write", "--prefix", "b").code == 0
    files = there(here.folder / "policies")
    assert len(files) == 5
    lines = files["data/adopted.yaml"].splitlines()
    assert '  - {"room": "3", "key": "b/room-3", "name": "Room 3"}' in lines
    assert sum('"room": "1"' in line for line in lines) == 1  # ours already
    assert here("import", saved(here, room("1")), "--write").code == 0  # nothing is left to take


def test_into_a_new_folder_it_needs_no_config(ro: CommandLine) -> None:
    """The folder is whole or not there at all; it can be validated, and moved."""
    (ro.folder / "config.yaml").unlink()
    said = ro("import", saved(ro, room("1"), room("2")), "--into", "new/estate", terminal=80)
    assert said.code == 0, said.err
    assert set(there(ro.folder / "new")) == {
        "estate/data/adopted.yaml",
        "estate/data/imported.yaml",
        "estate/imported.yaml",
    }
    assert "room-orchestrator validate new/estate" in said.out
    assert ro("validate", "new/estate").code == 0
    again = ro("import", "rooms.json", "--into", "new/estate")
    assert (again.code, "new/estate is there already" in again.err) == (2, True)
    (ro.folder / "empty").mkdir()
    assert ro("import", "rooms.json", "--into", "empty").code == 0
    assert ro("import", "rooms.json", "--write").code == 2  # there is no config


def test_a_new_folder_begins_with_the_list_that_is_there(here: CommandLine) -> None:
    """It may take the place of the old one; disowned rooms stay disowned, and are not taken."""
    data = here.folder / "policies" / "data"
    data.mkdir()
    (data / "adopted.yaml").write_text(
        'adopted: [{room: "a", key: x/a}]\ndisowned: [{room: "d", key: x/d}]\n'
    )
    said = here("import", saved(here, room("1"), room("a"), room("d")), "--into", "new")
    told = json.loads(said.out)
    assert (said.code, told["taken"]) == (0, 1)
    assert sorted(left["some"] for left in told["left_out"]) == [["a"], ["d"]]
    text = (here.folder / "new" / "data" / "adopted.yaml").read_text()
    assert [name in text for name in ('"1"', '"a"', '"d"')] == [True] * 3


REFUSED = {
    "both ways": (("--write", "--into", "x"), "exclude each other"),
    "a prefix that is none": (("--prefix", "Räume"), "--prefix Räume: 1 to 40 of a-z"),
    "a moment that is none": (("--as-of", "yesterday"), "a day such as 2025-06-01"),
    "a destination that is none": (("--host-links-to", "nobody"), "nobody"),
}


@pytest.mark.parametrize(("words", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused(
    here: CommandLine, words: tuple[str, ...], told: str
) -> None:
    listing = saved(here, room("1", join_approval_level="after_owner_only"))
    said = here("import", listing, *words)
    assert (said.code, told in said.err) == (2, True), said.err
    assert there(here.folder / "policies") == {}


def test_options_of_a_listing_want_one_and_a_file_must_be_there(here: CommandLine) -> None:
    assert here("import", "--elsewhere").code == 2
    said = here("import", "gone.json")
    assert (said.code, "gone.json: No such file" in said.err) == (1, True)
    (here.folder / "policies").rmdir()
    said = here("import", saved(here, room("1")), "--write")
    assert (said.code, "the policies folder is not there" in said.err) == (2, True)


def test_half_of_a_listing_is_refused_until_a_person_says_so(here: CommandLine) -> None:
    """And cut text always: nobody knows what was to follow."""
    listing = saved(here, room("1"), {"id": "2", "type": 7}, total_items=9)
    said = here("import", listing, "--write")
    assert (said.code, there(here.folder / "policies")) == (1, {})
    assert "rooms.json: it has 2 rooms and says that there are 9" in said.err
    said = here("import", listing, "--write", "--partial", terminal=80)
    assert said.code == 0
    assert "it has 2 rooms and says that there are 9: rooms may be missing" in said.out
    assert "1 room: cannot be read (room 2: type is not text)" in said.out
    path = here.folder / "rooms.json"
    path.write_text(path.read_text()[:200])
    said = here("import", listing, "--partial")
    assert (said.code, "rooms.json:1:" in said.err) == (2, True)


def test_a_listing_may_come_on_standard_input(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "LISTING_MAX", 400)
    saved(here, room("1"))
    content = (here.folder / "rooms.json").read_bytes()
    assert json.loads(here("import", "-", given=content).out)["source"] == "standard input"
    said = here("import", "-", given=content + b" " * 400)
    assert (said.code, "at most 1 GiB" in said.err) == (2, True)


def test_rooms_of_a_server_that_is_no_more_are_judged_by_when_they_stood(
    here: CommandLine,
) -> None:
    """And get no line in the list: there is nothing to take over."""
    old = room("1", created_at="2025-01-01T00:00:00Z", expires_at="2025-12-01T00:00:00Z")
    listing = saved(here, old)
    assert here("import", listing).code == 0  # it has ended
    for moment in ("2025-06-01", "2025-06-01T12:00:00+02:00"):
        said = here("import", listing, "--elsewhere", "--as-of", moment, terminal=80)
        assert said.code == 3
        assert "each room is made anew at this server, with another link" in said.out
        assert "adopted.yaml" not in said.out


def test_what_the_disk_refuses_leaves_nothing_behind(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither half a folder nor half of a policy."""

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device", "policies")

    monkeypatch.setattr(importing, "sync_folder", full)
    listing = saved(here, room("1"))
    said = here("import", listing, "--into", "new")
    assert (said.code, "policies cannot be written: No space left" in said.err) == (1, True)
    assert sorted(path.name for path in here.folder.iterdir()) == [
        "config.yaml",
        "policies",
        "rooms.json",
    ]
    assert here("import", listing, "--write").code == 1
    assert there(here.folder / "policies") == {}


def test_what_appears_meanwhile_is_not_written_over(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the writing somebody wrote a policy of that name."""
    monkeypatch.setattr(importing, "_refuse_what_is_there", lambda *_: None)
    (here.folder / "policies" / "imported.yaml").write_text("# mine\n")
    said = here("import", saved(here, room("1")), "--write")
    assert (said.code, "imported.yaml cannot be written: File exists" in said.err) == (1, True)
    assert there(here.folder / "policies") == {"imported.yaml": "# mine\n"}
    data = here.folder / "policies" / "data"
    data.mkdir()
    (data / "adopted.yaml").write_text('adopted: [{"room": "a", "key": "x/a"}]\n')
    assert here("import", "rooms.json", "--write").code == 1
    assert set(there(data)) == {"adopted.yaml"}
    assert [one.room_id for one in AdoptedFile(here.folder / "policies").read()] == ["a"]


def test_a_list_or_a_store_that_cannot_be_read_stops_it(here: CommandLine) -> None:
    """Whose rooms are whose would be a guess."""
    (here.folder / "policies" / "data").mkdir()
    (here.folder / "policies" / "data" / "adopted.yaml").write_text("adopted: [{room: 1")
    said = here("import", saved(here, room("1")))
    assert (said.code, "adopted.yaml" in said.err) == (1, True)


def test_an_import_that_was_interrupted_is_made_good_by_the_next_one(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is written first: its lines alone make no room ours, and lose none."""

    def dies(*_: object) -> None:
        raise OSError(5, "killed", "here")

    rooms = saved(here, room("1"), room("2"), room("3"))
    policies = here.folder / "policies"
    with monkeypatch.context() as patched:
        patched.setattr(importing._Drawn, "write", dies)  # noqa: SLF001
        patched.setattr(importing._Drawn, "take_back", lambda _: None)  # noqa: SLF001
        assert here("import", rooms, "--write").code == 1
    assert set(there(policies)) == {"data/adopted.yaml"}
    lines = there(policies)["data/adopted.yaml"]
    looked = json.loads(here("import", rooms).out)
    assert looked["taken"] == 3
    assert looked["remarks"] == [
        (
            "adopted.yaml names 3 rooms already, for keys that no policy asks for, as after an "
            "import that was interrupted: taken anew here"
        )
    ]
    assert here("import", rooms, "--write").code == 0
    assert set(there(policies)) == {"data/adopted.yaml", "data/imported.yaml", "imported.yaml"}
    assert there(policies)["data/adopted.yaml"] == lines
    (left,) = json.loads(here("import", rooms).out)["left_out"]
    assert (left["why"], left["rooms"]) == ("this installation's already", 3)


def test_a_line_for_a_key_of_no_policy_is_told_and_not_written_over(here: CommandLine) -> None:
    """Whoever wrote it meant something; also of a policy that may still ask for it."""
    policies = here.folder / "policies"
    (policies / "data").mkdir()
    lines = {"a": "x/a", "b": "gone/b", "c": "teams/c", "d": "teams/d", "e": "", "f": "nightly/f"}
    lines |= {"g": "old/c", "h": "imported/h"}
    text = "".join(f"  - {json.dumps({'room': one, 'key': key})}\n" for one, key in lines.items())
    (policies / "data" / "adopted.yaml").write_text(f"adopted:\n{text}")
    (policies / "teams.yaml").write_text(
        "version: 1\nname: teams\nformerly: old\n"
        'for_each: {items: [c], key: "{{ item }}"}\n'
        'room: {type: long_term, display_name: "{{ item }}", lifetime: 30d}\n'
    )
    (policies / "nightly.yaml").write_text(
        'version: 1\nname: nightly\non_schedule: {cron: "0 9 * * MON", timezone: Europe/Berlin, '
        "duration: 90m}\nroom: {type: long_term, display_name: Nightly}\n"
    )
    told = json.loads(here("import", saved(here, *map(room, lines))).out)
    left = {one["why"].partition(":")[0]: one["some"] for one in told["left_out"]}
    assert left == {
        "this installation's already": ["c", "e", "f", "g"],
        "in adopted.yaml for a key that no policy asks for": ["a", "b", "d", "h"],
    }
    (policies / "bad.yaml").write_text("version: [")
    told = json.loads(here("import", "rooms.json").out)
    assert [one["some"] for one in told["left_out"]][1:] == [["d"]]


def test_a_name_that_a_policy_bears_already_is_refused(here: CommandLine) -> None:
    """In whatever file it stands; what was wrong before is not held against the import."""
    (here.folder / "policies" / "a.yaml").write_text(
        'version: 1\nname: imported\nfor_each: {items: [a], key: "{{ item }}"}\n'
        'room: {type: long_term, display_name: "{{ item }}", lifetime: 30d}\n'
    )
    (here.folder / "policies" / "b.yaml").write_text("version: 1\n")
    listing = saved(here, room("1"))
    said = here("import", listing)
    assert (said.code, 'the name "imported" is taken by' in said.err) == (2, True)
    assert here("import", listing, "--prefix", "other").code == 3


# --- themes ---


def theme(theme_id: str, name: str, **fields: Any) -> Theme:
    said = {"main_color": "#12f64e", "brand_text": name, "short_company_url": None}
    return Theme(theme_id, {"theme_name": name, **said, **fields})


def seen(room_id: str, theme_id: str | None) -> Observed:
    """A room of a year with a theme."""
    return read_room(
        {**room(room_id), "theme_id": theme_id, "_links": {"guest_url": {"href": "https://x"}}}
    )


@pytest.fixture
def dressed(here: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """An API with themes that people made, of which rooms have three."""
    rooms = [seen("1", "t1"), seen("2", "t1"), seen("3", "t2"), seen("4", "t3"), seen("5", None)]
    themes = [theme("t1", "Acme"), theme("t2", "acme"), theme("t3", "x~0a1b2c3d")]
    pictures = {"t1": {LogoType.WHITE: LOGO}}
    themed = Themed(themes, pictures, ["a picture stays where it is"])
    estate = importing.Estate(rooms, "https://meet.test", NOW, themes=themed)

    async def list_estate(*_: object) -> importing.Estate:
        return estate

    monkeypatch.setattr(importing, "list_estate", list_estate)
    return here


def policies_by_theme(folder: Path) -> dict[str, int]:
    """How many rooms ask for each theme."""
    told: dict[str, int] = {}
    for path in folder.glob("*.yaml"):
        asked = path.read_text().partition("  theme: ")[2].partition("\n")[0].strip('"')
        told[asked] = len((folder / "data" / path.name).read_text().splitlines()) - 2
    return told


def test_themes_are_written_and_asked_for(dressed: CommandLine) -> None:
    """With their pictures; what is another's is told, and kept by its room."""
    looked = json.loads(dressed("import").out)
    assert [(one["name"], one["rooms"], one["pictures"]) for one in looked["themes"]] == [
        ("acme", 2, 1),
        (looked["themes"][1]["name"], 1, 0),
    ]
    other = looked["themes"][1]["name"]
    assert other.startswith("acme-")
    folder = dressed.folder / "policies"
    assert list(folder.iterdir()) == []
    assert looked["remarks"] == [
        "theme_id of 1 room is kept, and no policy asks for it",
        'the theme "x~0a1b2c3d" is left out: marked by another owner',
        "a picture stays where it is",
    ]
    assert dressed("import", "--write").code == 0
    assert {path.name for path in (folder / "themes").iterdir()} == {
        "acme.yaml",
        "acme",
        f"{other}.yaml",
    }
    assert (folder / "themes" / "acme" / "white.png").read_bytes() == LOGO
    assert policies_by_theme(folder) == {"acme": 2, other: 1, "": 2}
    assert dressed("validate").code == 0
    # Another time they are there already, and their names stand.
    for path in (*folder.glob("*.yaml"), *(folder / "data").iterdir()):
        path.unlink()
    again = json.loads(dressed("import", "--write").out)
    assert (again["themes"], again["written"]) == ([], True)
    assert policies_by_theme(folder) == {"acme": 2, other: 1, "": 2}


def test_a_new_folder_has_the_new_themes_alone(dressed: CommandLine) -> None:
    """What is in force is not written twice, and no policy of that folder names it."""
    themes = dressed.folder / "policies" / "themes"
    themes.mkdir()
    head = 'version: 1\nmain_color: "#abc"\nbrand_text: Acme\n'
    (themes / "mine.yaml").write_text(f"{head}name: mine\ntheme_id: t1\n")
    (themes / "acme.yaml").write_text(f"{head}name: another\n")
    done = json.loads(dressed("import", "--into", "new").out)
    (made,) = done["themes"]
    assert (made["theme_id"], made["name"].startswith("acme-")) == ("t2", True)
    assert policies_by_theme(dressed.folder / "new") == {made["name"]: 1, "": 4}
    assert sorted(path.name for path in (dressed.folder / "new" / "themes").iterdir()) == [
        f"{made['name']}.yaml"
    ]
    assert dressed("import", "--write").code == 0
    asked = policies_by_theme(dressed.folder / "policies")
    assert asked == {"mine": 2, made["name"]: 1, "": 2}


def test_a_theme_of_ours_is_asked_for_by_its_name(
    dressed: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file of it is in force; a room by hand may have it."""
    themes = dressed.folder / "policies" / "themes"
    themes.mkdir()
    text = 'version: 1\nname: mine\nmain_color: "#abc"\nbrand_text: Acme\n'
    (themes / "mine.yaml").write_text(text)
    owner = "nordlicht-prod"
    ours = [theme("t1", api_name(owner, "mine")), theme("t2", api_name(owner, "gone"))]
    rooms = [seen("1", "t1"), seen("2", "t2")]
    estate = importing.Estate(rooms, "https://meet.test", NOW, themes=Themed(ours))

    async def list_estate(*_: object) -> importing.Estate:
        return estate

    monkeypatch.setattr(importing, "list_estate", list_estate)
    done = json.loads(dressed("import", "--write").out)
    assert (done["themes"], policies_by_theme(dressed.folder / "policies")) == (
        [],
        {"mine": 1, "": 1},
    )


def test_where_no_room_is_taken_no_theme_is_written(
    dressed: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing that would have it."""
    themed = Themed([theme("t1", "Acme")], {}, ["a remark"])

    async def list_estate(*_: object) -> importing.Estate:
        return importing.Estate([], "https://meet.test", NOW, themes=themed)

    monkeypatch.setattr(importing, "list_estate", list_estate)
    done = json.loads(dressed("import", "--write").out)
    assert (done["themes"], done["remarks"], done["written"]) == ([], [], False)


REPORT = ImportReport(
    source="https://meet.example.com/v1/meetings",
    read=512,
    taken=500,
    policies=(
        ImportedPolicy("imported-365d", 341, "365d"),
        ImportedPolicy("imported-365d-2", 158, "365d, auto_record, no chat_available"),
        ImportedPolicy("imported-30d", 1, "30d"),
    ),
    left_out=(
        LeftOutRow("instant: ends by itself", 11, ("481920374", "481920375")),
        LeftOutRow("marked by another owner", 1, ("481920376",)),
    ),
    renewed_soon=12,
    remarks=("9 rooms keep their own theme_id, which no policy asks for",),
    files=tuple(f"policies/{name}.yaml" for name in "abcdefghij"),
    adopts=True,
    then="room-orchestrator import --into DIR   or, where it is to be, --write",
    themes=(
        ImportedTheme("acme", "t1", "Acme & Co", 158, 3),
        ImportedTheme("nordlicht", "t2", "Nordlicht", 1, 0),
    ),
)


@pytest.mark.parametrize("width", [80, 120])
def test_it_reads_like_this(width: int) -> None:
    """The whole text, as a file shows it."""
    out = io.StringIO()
    show_import(Screen(out, out, terminal=True, width=width, color=False, now=NOW), REPORT)
    golden = GOLDEN / f"import-{width}.txt"
    assert out.getvalue() == golden.read_text(encoding="utf-8")
