"""Themes are kept like rooms: made before them, held in shape, removed last, and told in full."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.brakes import Limits
from orchestrator.domain.policies import Mode
from orchestrator.domain.rooms import Patch
from orchestrator.domain.themes import LogoType, ThemeMemory, api_name
from orchestrator.engine.themerecords import THEMES
from orchestrator.foundation.problems import Place, Problem
from orchestrator.foundation.shapes import loads
from orchestrator.ports.faults import UnansweredError, UnavailableError
from orchestrator.ports.store import Commit
from tests.component.world import ANNA, HOUR, OWNER, World, policy
from tests.fakes.rooms import Fate
from tests.fakes.themes import FakeThemes
from tests.pictures import FAVICON, LOGO, png

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NAME = api_name(OWNER, "corporate")
LOGOS = {"white": "white.png", "colored": "colored.png", "favicon": "favicon.png"}
PICTURES = {"white.png": LOGO, "colored.png": png(shade=7), "favicon.png": FAVICON}


def theme(name: str = "corporate", **changes: Any) -> bytes:
    """A theme file without pictures, unless told otherwise; `...` leaves a key out."""
    usual = {"version": 1, "name": name, "main_color": "#12F64E", "brand_text": "Acme"}
    document = {key: value for key, value in (usual | changes).items() if value is not ...}
    return json.dumps(document).encode()


def themed(name: str | None = "corporate", **more: Any) -> bytes:
    room = {} if name is None else {"theme": name}
    return policy(subjects=["checkout"], room=room, **more)


def world(
    *, themes: dict[str, bytes] | None = None, wears: str | None = "corporate", **options: Any
) -> World:
    """A world with a theme and a room that wears it."""
    made = World({"team-rooms.yaml": themed(wears)}, **options)
    made.themes = FakeThemes(
        lambda theme_id: sum(room.settings["theme_id"] == theme_id for room in made.fake.alive)
    )
    files = {"corporate.yaml": theme()} if themes is None else themes
    made.sources.themes.update(files | PICTURES)
    return made


@asynccontextmanager
async def alive(made: World) -> AsyncIterator[FakeThemes]:
    """Run it, and give its themes."""
    assert made.themes is not None
    await made.start()
    try:
        yield made.themes
    finally:
        await made.end()


async def change(made: World, **files: bytes | None) -> None:
    """Write theme files (None takes one away)."""
    for name, content in files.items():
        file = f"{name}.yaml"
        if content is None:
            made.sources.themes.pop(file)
        else:
            made.sources.themes[file] = content
    await made.edit()


def methods(themes: FakeThemes) -> list[str]:
    return [asked.method for asked in themes.changes]


async def memory(made: World) -> ThemeMemory:
    note = await made.store.note(THEMES)
    return ThemeMemory() if note is None else loads(ThemeMemory, note)


def events(made: World) -> list[str]:
    return [one for one in made.events if one.startswith("theme.") and one != "theme.started"]


async def test_a_changed_theme_waits_for_the_end_of_a_freeze() -> None:
    """Of all policies: a theme is of none. Then it is changed at once."""
    made = world()
    async with alive(made) as themes:
        await made.desk.freeze(made.clock.now() + DAY, ANNA, ("team-rooms",))
        await change(made, corporate=theme(brand_text="Acme Ltd"))
        assert methods(themes)[-1] == "update_theme"
        await made.desk.freeze(made.clock.now() + DAY, ANNA)
        before = len(themes.changes)
        await change(made, corporate=theme(brand_text="Acme Inc"))
        await made.pass_(2 * HOUR)
        assert len(themes.changes) == before
        (row,) = (await made.desk.status()).themes
        assert row.why.startswith("frozen by anna")
        for freeze in (await made.desk.status()).freezes:
            await made.desk.unfreeze(freeze.name, ANNA)
        await made.pass_(MINUTE)
        assert themes.themes[0].fields["brand_text"] == "Acme Inc"


# --- made ---


async def test_a_theme_is_made_before_the_room_that_wants_it() -> None:
    """One POST each, and the room is born with the theme's id."""
    made = world()
    async with alive(made) as themes:
        (there,) = themes.themes
        assert there.name == NAME
        assert there.fields["main_color"] == "#12f64e"
        (room,) = made.alive
        assert room.settings["theme_id"] == there.id
        assert made.changes == ["create_room"]
        events_ = [fact.event for fact in made.facts]
        assert events_.index("theme.created") < events_.index("room.created")
        # What is kept names the theme by its name: another id is no other wish.
        wish = (await made.state("team-rooms/checkout")).wish
        assert wish is not None
        assert (wish.theme, "theme_id" in wish.settings) == ("corporate", False)
        told = made.one("theme.created")
        assert told.detail["theme_id"] == there.id
        assert told.actor.startswith("theme corporate@")


async def test_a_room_waits_while_its_theme_is_made() -> None:
    """It is waiting, not held: nothing stands in its way. Once the theme is there it is made."""
    made = world(themes={"corporate.yaml": theme(logos=LOGOS)})
    assert made.themes is not None
    gates = {name: asyncio.Event() for name in ("create_theme", "upload_logos")}

    async def wait(asked: Any) -> None:
        if asked.method in gates:
            await gates[asked.method].wait()

    made.themes.before = wait
    async with alive(made) as themes:
        assert made.alive == []
        assert made.holds("team-rooms/checkout") == {"theme"}
        (row,) = (await made.desk.rooms()).rooms
        assert (row.state, row.held) == ("waiting", ("theme: its theme corporate is made first",))
        gates["create_theme"].set()
        await made.settle()
        assert made.alive[0].settings["theme_id"] == themes.themes[0].id
        assert themes.contents == {}, "it does not wait for pictures"
        gates["upload_logos"].set()
        await made.settle()
        assert set(themes.contents) == {themes.themes[0].id}


async def test_p08_the_second_pass_does_nothing() -> None:
    """But list."""
    made = world(themes={"corporate.yaml": theme(logos=LOGOS, default=True)})
    async with alive(made) as themes:
        done = methods(themes)
        assert done == ["create_theme", "upload_logos", "set_default_theme"]
        commits, asked = len(made.store.commits), len(themes.asked)
        made.mark()
        await made.pass_(3 * HOUR)
        assert methods(themes) == done
        assert {one.method for one in themes.asked[asked:]} == {"list_themes"}
        assert made.changes == []
        assert len(made.store.commits) == commits


async def test_without_a_theme_nothing_is_asked_of_themes() -> None:
    """An API that has none is not bothered."""
    made = world(themes={}, wears=None)
    async with alive(made) as themes:
        await made.pass_(3 * HOUR)
        assert themes.asked == []


async def test_a_room_waits_for_its_theme_until_that_failed_once() -> None:
    """A room is worth more than its looks; they follow by PATCH."""
    made = world()
    assert made.themes is not None
    made.themes.script("create_theme", Fate.REFUSED)
    async with alive(made) as themes:
        (room,) = made.alive
        assert room.settings["theme_id"] is None
        assert made.one("theme.failed").detail["kind"] == "create"
        (row,) = (await made.desk.status()).themes
        assert row.state == "missing"
        assert "InputValidationError" in row.why
        needs = (await made.desk.status()).needs_you
        assert [one for one in needs if one.startswith("The API does not take theme corporate")]
        await made.pass_(2 * HOUR)
        (there,) = themes.themes
        assert made.alive[0].settings["theme_id"] == there.id
        assert made.alive[0].id == room.id


async def test_a_room_does_not_wait_where_themes_cannot_be_listed() -> None:
    made = world()
    assert made.themes is not None
    made.themes.down = True
    async with alive(made) as themes:
        await made.pass_(timedelta(minutes=2))
        (room,) = made.alive
        assert room.settings["theme_id"] is None
        themes.down = False
        await made.pass_(2 * HOUR)
        assert made.alive[0].settings["theme_id"] == themes.themes[0].id


async def test_all_pictures_are_uploaded_and_told() -> None:
    made = world(themes={"corporate.yaml": theme(logos=LOGOS)})
    async with alive(made) as themes:
        (there,) = themes.themes
        assert themes.contents[there.id] == {
            LogoType.WHITE: LOGO,
            LogoType.COLORED: PICTURES["colored.png"],
            LogoType.FAVICON: FAVICON,
        }
        told = made.one("theme.logos_uploaded")
        assert set(dict(told.detail["logos"])) == {"white", "colored", "favicon"}  # type: ignore[arg-type]


# --- kept in shape ---


async def test_a_changed_file_is_a_patch_of_what_differs() -> None:
    made = world(themes={"corporate.yaml": theme(short_company_url="acme")})
    async with alive(made) as themes:
        made.mark()
        await change(made, corporate=theme(main_color="#000"))
        (there,) = themes.themes
        assert themes.changes[-1].told == {"main_color": "#000", "short_company_url": None}
        told = made.one("theme.updated")
        assert told.before == {"main_color": "#12f64e", "short_company_url": "acme"}
        assert there.fields["brand_text"] == "Acme"
        assert made.changes == []


async def test_what_was_changed_by_hand_is_changed_back_and_no_war_is_waged() -> None:
    made = world()
    async with alive(made) as themes:
        (there,) = themes.themes
        themes.change(there.id, brand_text="Mine", theme_name="mine")
        await made.pass_(HOUR + HOUR / 4)
        assert themes.themes[0].fields["brand_text"] == "Acme"
        assert themes.themes[0].name == NAME
        done = len(themes.changes)
        themes.change(there.id, brand_text="Mine")
        await change(made, corporate=theme() + b" ")
        assert len(themes.changes) == done
        (row,) = (await made.desk.status()).themes
        assert "did not stay" in row.why
        await made.pass_(2 * HOUR)
        assert themes.themes[0].fields["brand_text"] == "Acme"


async def test_another_picture_in_the_file_is_uploaded_anew() -> None:
    """Only that one; the same content under another name is the same."""
    made = world(themes={"corporate.yaml": theme(logos=LOGOS)})
    async with alive(made) as themes:
        made.sources.themes["white.png"] = png(shade=99)
        made.sources.themes["again.png"] = FAVICON
        await change(made, corporate=theme(logos=LOGOS | {"favicon": "again.png"}))
        assert themes.changes[-1].told == (LogoType.WHITE,)
        assert methods(themes).count("upload_logos") == 2


async def test_another_hands_picture_is_replaced() -> None:
    made = world(themes={"corporate.yaml": theme(logos={"white": "white.png"})})
    async with alive(made) as themes:
        (there,) = themes.themes
        await made.pass_(2 * HOUR)
        themes.repaint(there.id, LogoType.WHITE)
        await made.pass_(2 * HOUR)
        assert themes.contents[there.id][LogoType.WHITE] == LOGO


async def test_what_a_2xx_did_not_take_waits() -> None:
    """Neither fields nor pictures are sent without end."""
    made = world(themes={"corporate.yaml": theme(logos=LOGOS)})
    assert made.themes is not None
    made.themes.swallows = True
    async with alive(made) as themes:
        await made.pass_(timedelta(minutes=14))
        assert methods(themes) == ["create_theme", "upload_logos"]
        assert "does not show the picture" in made.one("theme.failed").reason
        themes.swallows, themes.ignores = False, {"brand_text"}
        await change(made, corporate=theme(brand_text="Other"))
        await made.pass_(timedelta(minutes=14))
        assert methods(themes)[2:] == ["update_theme"]
        assert (await made.desk.status()).themes[0].state == "failing"


async def test_the_default_theme_is_set_once_and_moves() -> None:
    files = {"corporate.yaml": theme(default=True), "other.yaml": theme("other")}
    made = world(themes=files)
    async with alive(made) as themes:
        by_name = {one.name: one.id for one in themes.themes}
        assert themes.default == by_name[NAME]
        await change(made, corporate=theme(), other=theme("other", default=True))
        assert themes.default == by_name[api_name(OWNER, "other")]
        assert [one.default for one in (await memory(made)).records] == [False, True]
        assert methods(themes).count("set_default_theme") == 2


async def test_a_room_whose_theme_was_changed_by_hand_gets_it_back() -> None:
    """And a line that is taken out takes the theme off."""
    made = world()
    async with alive(made) as themes:
        (room,) = made.alive
        made.fake.change(room.id, Patch({"theme_id": None}))
        await made.pass_(2 * HOUR)
        assert made.alive[0].settings["theme_id"] == themes.themes[0].id
        await made.edit({"team-rooms.yaml": themed(None)})
        assert made.alive[0].settings["theme_id"] is None
        assert made.alive[0].id == room.id


# --- lost answers, lost themes, lost stores ---


@pytest.mark.parametrize("fate", [Fate.ACT_THEN_DROP, Fate.DROP_THEN_ACT, Fate.LOST], ids=str)
async def test_p01_a_create_whose_answer_was_lost_makes_one_theme(fate: Fate) -> None:
    """Its name is unique, so looking and trying again make no second one."""
    made = world()
    assert made.themes is not None
    made.themes.script("create_theme", fate)
    async with alive(made) as themes:
        themes.act_late()
        await made.pass_(2 * HOUR)
        (there,) = themes.themes
        assert made.alive[0].settings["theme_id"] == there.id
        assert made.one("theme.unanswered").detail["kind"] == "create"


async def test_a_theme_that_appears_while_it_is_made_is_ours_by_its_name() -> None:
    """409 says that it is there: it was carried out late."""
    made = world()
    assert made.themes is not None
    made.themes.script("create_theme", Fate.DROP_THEN_ACT)
    async with alive(made) as themes:
        await made.pass_(timedelta(seconds=3))
        themes.act_late()
        await made.pass_(2 * HOUR)
        (there,) = themes.themes
        assert made.alive[0].settings["theme_id"] == there.id
        assert "theme.adopted" in events(made)


async def test_p02_no_call_leaves_without_a_record() -> None:
    """The intent stands in the store before the call; killed there, the next life looks first."""
    made = world(themes={"corporate.yaml": theme(logos=LOGOS)})
    assert made.themes is not None
    steps: list[str] = []
    real = made.themes.meet

    def spy(asked: Any, act: Any) -> Any:
        if asked.changes:
            note = made.store.commits[-1].notes[THEMES]
            assert note is not None
            (record,) = loads(ThemeMemory, note).records
            assert record.operation is not None
            steps.append(str(record.operation.step))
        return real(asked, act)

    made.themes.meet = spy  # type: ignore[method-assign]
    async with alive(made):
        assert steps == ["create", "upload"]
        assert (await memory(made)).records[0].operation is None


@pytest.mark.parametrize("fate", [Fate.ACT_THEN_DROP, Fate.LOST], ids=str)
async def test_a_daemon_that_was_killed_amid_a_call_goes_on(fate: Fate) -> None:
    made = world(themes={"corporate.yaml": theme(logos=LOGOS)})
    assert made.themes is not None
    made.themes.script("upload_logos", fate)
    async with alive(made) as themes:
        await made.restart()
        await made.pass_(HOUR)
        assert themes.contents[themes.themes[0].id][LogoType.WHITE] == LOGO
        assert (await memory(made)).records[0].operation is None


class Crash(BaseException):
    """The process ends here."""


class Death:
    """Ends a life at its n-th commit or call of a theme, before or after it."""

    def __init__(self, made: World, at: int | None) -> None:
        self.made, self.at, self.steps, self.over = made, at, 0, False
        self.hook(self.step)

    def hook(self, step: Any) -> None:
        assert self.made.themes is not None
        self.made.store.before = self.made.store.after = step
        self.made.themes.before = self.made.themes.after = step

    async def step(self, _: Any) -> None:
        if self.over:
            raise Crash
        self.steps += 1
        if self.steps == self.at:
            self.over = True
            raise Crash

    async def burial(self) -> None:
        await self.made.crash()
        self.hook(_live)


async def _live(_: Any) -> None:
    return None


SOON = {"grace": "1m"}


async def born(made: World) -> None:
    """From nothing to a theme with pictures, which is the default, and a room that has it."""
    await made.start()


async def altered(made: World) -> None:
    """Another colour, and another picture."""
    made.sources.themes["white.png"] = png(shade=99)
    await change(made, corporate=theme(main_color="#000", logos=LOGOS, removal=SOON))


async def swapped(made: World) -> None:
    """Another theme takes its place, and it is removed."""
    other = theme("other", default=True, logos=LOGOS)
    made.sources.themes.pop("corporate.yaml")
    made.sources.themes["other.yaml"] = other
    await made.edit({"team-rooms.yaml": themed("other")})
    await made.pass_(2 * HOUR + HOUR / 2)


async def lived(act: Any, at: int | None) -> tuple[World, int]:
    """A world in which an act was cut short at one step, and then let to go on."""
    files = {"corporate.yaml": theme(logos=LOGOS, default=True, removal=SOON)}
    made = world(themes=files)
    if act is not born:
        await made.start()
    death = Death(made, at)
    with contextlib.suppress(BaseException):
        await act(made)
    await death.burial()
    await made.start()
    await made.pass_(3 * HOUR)
    return made, death.steps


@pytest.mark.parametrize("act", [born, altered, swapped])
async def test_p01_killed_at_every_commit_and_call_it_comes_out_the_same(act: Any) -> None:
    """One theme with its pictures and its room, whatever was under way."""
    made, steps = await lived(act, None)
    await made.end()
    assert steps > 5
    for at in range(1, steps + 1):
        made, _ = await lived(act, at)
        try:
            themes = made.themes
            assert themes is not None
            (there,) = themes.themes
            name = "other" if act is swapped else "corporate"
            assert there.name == api_name(OWNER, name), at
            assert there.fields["main_color"] == ("#000" if act is altered else "#12f64e")
            assert themes.contents[there.id] == {
                LogoType(kind): made.sources.themes[file] for kind, file in LOGOS.items()
            }
            assert themes.default == there.id
            (room,) = made.alive
            assert room.settings["theme_id"] == there.id
            (record,) = (await memory(made)).records
            assert (record.id, record.operation, record.default) == (there.id, None, True), at
        finally:
            await made.end()


async def test_a_lost_theme_is_made_anew_after_two_looks_and_its_rooms_follow() -> None:
    made = world(themes={"corporate.yaml": theme(logos=LOGOS)})
    async with alive(made) as themes:
        (before,) = themes.themes
        themes.vanish(before.id)
        await made.pass_(HOUR + HOUR / 4)
        await made.pass_(2 * HOUR)
        (after,) = themes.themes
        assert after.id != before.id
        assert made.alive[0].settings["theme_id"] == after.id
        assert events(made)[-3:] == ["theme.lost", "theme.created", "theme.logos_uploaded"]
        assert methods(themes).count("create_theme") == 2


async def test_p04_another_backend_between_two_listings_loses_no_theme() -> None:
    """Its list is empty and it knows no id: only that rooms are listed there tells who it is."""
    made = world()
    async with alive(made) as themes:
        (there,) = themes.themes
        themes.vanish(there.id)
        made.fake.elsewhere()
        await change(made, corporate=theme(brand_text="Changed meanwhile"))
        await made.pass_(timedelta(minutes=10), step=timedelta(seconds=10))
        assert themes.asked[-1].method == "list_themes"
        assert methods(themes) == ["create_theme"]
        await made.pass_(2 * HOUR)
        assert made.engine.parts.observations.doubt
        assert methods(themes) == ["create_theme"]
        made.fake.elsewhere()
        themes.table[there.id] = there
        await made.pass_(2 * HOUR)
        assert [one.id for one in themes.themes] == [there.id]
        assert methods(themes) == ["create_theme", "update_theme"]


async def test_p04_a_list_that_lacks_a_theme_which_is_there_leads_to_nothing() -> None:
    made = world()
    async with alive(made) as themes:
        (there,) = themes.themes
        hidden = themes.table
        real, lies = themes.list_themes, True

        async def list_themes() -> Any:
            return () if lies else await real()

        themes.list_themes = list_themes  # type: ignore[method-assign]
        await made.pass_(4 * HOUR)
        assert list(hidden) == [there.id]
        assert methods(themes) == ["create_theme"]
        assert "theme.lost" not in events(made)


async def test_p03_a_lost_store_knows_its_themes_by_their_names() -> None:
    """They are kept and not doubled; what others made is not touched."""
    made = world(themes={"corporate.yaml": theme(logos=LOGOS)})
    async with alive(made) as themes:
        stranger = themes.plant(theme_name="corporate")
        (mine,) = [one for one in themes.themes if one.name == NAME]
        await made.store.commit(Commit(notes={THEMES: None}), made.clock.now())
        await made.restart()
        await made.pass_(2 * HOUR)
        assert {one.id for one in themes.themes} == {mine.id, stranger.id}
        assert themes.themes[-1] == stranger
        assert methods(themes).count("create_theme") == 1
        # Which pictures it has nobody remembers: they are given to it once more, and once only.
        assert methods(themes).count("upload_logos") == 2


# --- removed ---


async def test_a_theme_is_removed_last_and_after_its_grace() -> None:
    """Not while a room has it, however long its grace is over."""
    made = world(themes={"corporate.yaml": theme(removal={"grace": "1h"})})
    async with alive(made) as themes:
        await made.edit({"team-rooms.yaml": themed(None)})
        (room,) = made.alive
        made.mark()
        await change(made, corporate=None)
        assert made.one("theme.tombstoned").detail["theme"] == "corporate"
        made.fake.change(room.id, Patch({"theme_id": themes.themes[0].id}))
        made.fake.refuses.add("theme_id")
        await made.pass_(4 * HOUR)
        assert len(themes.themes) == 1
        (row,) = (await made.desk.status()).themes
        assert (row.state, row.why) == ("ending", "1 room still has it")
        made.fake.refuses.clear()
        made.fake.change(room.id, Patch({"theme_id": None}))
        await made.pass_(2 * HOUR)
        assert list(themes.themes) == []
        assert events(made)[-1] == "theme.removed"
        assert themes.changes[-1].told is False  # without force
        assert (await memory(made)).records == ()
        made.mark()
        await made.pass_(3 * HOUR)
        assert events(made) == []


async def test_a_theme_that_comes_back_within_its_grace_stays() -> None:
    made = world(wears=None)
    async with alive(made) as themes:
        await change(made, corporate=None)
        await made.pass_(DAY)
        await change(made, corporate=theme())
        assert events(made)[-2:] == ["theme.tombstoned", "theme.restored"]
        await made.pass_(9 * DAY, step=DAY)
        assert methods(themes) == ["create_theme"]


async def test_a_theme_whose_file_goes_while_clocks_disagree_has_its_whole_grace() -> None:
    """It begins once they agree: by an API that is eight days behind it would be over then."""
    made = world(wears=None)
    async with alive(made) as themes:
        made.fake.skew = -(8 * DAY).total_seconds()
        await change(made, corporate=None)
        await made.pass_(3 * HOUR)
        assert "differ" in (await made.desk.status()).themes[0].why
        made.fake.skew = 0.0
        await made.pass_(6 * DAY, step=6 * HOUR)
        assert len(themes.themes) == 1
        await made.pass_(2 * DAY, step=6 * HOUR)
        assert list(themes.themes) == []


async def test_p09_a_bad_file_leaves_its_theme_as_it_is() -> None:
    """Also over a restart; and no other theme counts as removed meanwhile."""
    files = {"corporate.yaml": theme(), "other.yaml": theme("other", removal={"grace": "1m"})}
    made = world(themes=files)
    async with alive(made) as themes:
        await change(made, corporate=theme(main_color="green"), other=None)
        await made.restart()
        await made.pass_(3 * DAY, step=HOUR)
        assert methods(themes) == ["create_theme"] * 2
        assert made.alive[0].settings["theme_id"] is not None
        rows = {row.name: row for row in (await made.desk.status()).themes}
        assert "main_color" in rows["corporate"].why
        await change(made, corporate=theme())
        await made.pass_(HOUR)
        assert [one.name for one in themes.themes] == [NAME]


async def test_a_policy_that_names_an_unknown_theme_changes_nothing() -> None:
    made = world()
    async with alive(made) as themes:
        made.mark()
        await made.edit({"team-rooms.yaml": themed("corprate")})
        (problem,) = (await made.desk.status()).problems
        assert problem.message == 'there is no theme "corprate"; did you mean "corporate"?'
        assert (problem.place.file, problem.place.line > 1) == ("team-rooms.yaml", True)
        assert made.changes == []
        await change(made, corporate=None)
        await made.pass_(9 * DAY, step=DAY)
        assert len(themes.themes) == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"corporate.yaml": theme(), "copy.yaml": theme(main_color="#fff")},
            'the name "corporate" stands in themes/copy.yaml and themes/corporate.yaml',
        ),
        (
            {"corporate.yaml": theme(default=True), "b.yaml": theme("b", default=True)},
            "only one theme can be the default, and themes/b.yaml and themes/corporate.yaml both",
        ),
    ],
    ids=["one name", "two defaults"],
)
async def test_p09_two_files_that_exclude_each_other_change_nothing(
    files: dict[str, bytes], message: str
) -> None:
    """Each is told where it says so; what was in force stays."""
    made = world()
    async with alive(made) as themes:
        made.sources.themes.update(files)
        await made.edit()
        await made.pass_(2 * HOUR)
        problems = (await made.desk.status()).problems
        assert all(problem.message.startswith(message) for problem in problems)
        assert {problem.place.file for problem in problems} == {f"themes/{name}" for name in files}
        assert methods(themes) == ["create_theme"]
        assert themes.themes[0].fields["main_color"] == "#12f64e"


async def test_p04_a_folder_that_cannot_be_read_leaves_all_as_it_is() -> None:
    made = world(themes={"corporate.yaml": theme(removal={"grace": "1m"})})
    async with alive(made) as themes:
        made.sources.vanish()
        await made.edit()
        await made.restart()
        await made.pass_(3 * HOUR)
        assert methods(themes) == ["create_theme"]
        assert made.alive[0].settings["theme_id"] == themes.themes[0].id


async def test_p09_a_theme_file_that_cannot_be_read_is_told() -> None:
    made = world()
    made.sources.themes["locked.yaml"] = Problem(Place("themes/locked.yaml"), "cannot be read")
    async with alive(made):
        (problem,) = (await made.desk.status()).problems
        assert str(problem) == "themes/locked.yaml  cannot be read"


async def test_refused_credentials_are_no_fault_of_a_theme() -> None:
    made = world()
    assert made.themes is not None
    made.themes.script("create_theme", Fate.UNAUTHORIZED)
    async with alive(made) as themes:
        assert (await memory(made)).records[0].attempts.count == 0
        await made.pass_(HOUR / 4, step=timedelta(minutes=1))
        assert made.alive[0].settings["theme_id"] == themes.themes[0].id


@pytest.mark.parametrize("method", ["list_themes", "create_theme"])
async def test_credentials_that_are_good_for_rooms_alone_hold_no_room(method: str) -> None:
    """Whether our key is refused is for the calls of rooms to say; themes ask once a minute."""
    files = {f"{name}.yaml": theme(name) for name in ("corporate", "other", "third")}
    made = world(themes=files)
    assert made.themes is not None
    made.themes.script(method, *[Fate.UNAUTHORIZED] * 99)
    async with alive(made) as themes:
        await made.pass_(timedelta(minutes=10), step=timedelta(seconds=5))
        refused = [one for one in themes.asked if one.method == method]
        assert 5 < len(refused) < 20
        assert made.engine.parts.weather.summary == "ok"
        assert "api.unavailable" not in made.events
        await made.edit({"plain.yaml": policy("plain", ["a"])})
        assert "A room" in made.names
        assert "Checkout room" in made.names  # nor does it wait for a theme for ever


async def test_themes_that_are_away_hold_no_room() -> None:
    """What carries them may be away alone; whether it is away at all is for rooms to say."""
    made = world(wears=None)
    async with alive(made) as themes:
        themes.script("list_themes", *[Fate.UNSENT] * 99)
        await change(made, corporate=theme(brand_text="New"))
        await made.pass_(timedelta(minutes=20), step=timedelta(seconds=10))
        assert len(themes.asked) > 12
        await made.edit({"plain.yaml": policy("plain", ["a"])})
        assert "A room" in made.names
        assert "api.unavailable" not in made.events


@pytest.mark.parametrize("fault", [UnavailableError, UnansweredError])
async def test_a_store_of_pictures_that_is_away_is_no_weather_of_the_api(fault: Any) -> None:
    """However many wait for it: the API counts as there, and rooms go on."""
    names = [f"t{number}" for number in range(9)]
    made = world(themes={f"{name}.yaml": theme(name, logos=LOGOS) for name in names}, wears="t8")
    assert made.themes is not None

    async def upload_logos(theme_id: str, logos: Any) -> None:
        raise fault("POST (upload of the white picture): no route")

    made.themes.upload_logos = upload_logos  # type: ignore[method-assign]
    async with alive(made) as themes:
        assert len(themes.themes) == 9
        assert len(made.engine.parts.wardrobe.failing()) == 9
        assert made.engine.parts.weather.summary == "ok"
        assert "api.unavailable" not in made.events
        assert len(made.alive) == 1


async def test_an_api_that_passes_over_the_name_makes_no_second_theme() -> None:
    """Without our mark it would not be found again: it is remembered by its id."""
    made = world()
    assert made.themes is not None
    real = made.themes.create_theme

    async def create_theme(fields: Any) -> Any:
        return await real({**fields, "theme_name": None} | {"theme_name": "drawn"})

    made.themes.create_theme = create_theme  # type: ignore[method-assign]
    made.themes.ignores = {"theme_name"}
    async with alive(made) as themes:
        await made.pass_(2 * DAY, step=HOUR)
        assert len(themes.themes) == 1
        assert methods(themes).count("create_theme") == 1
        assert made.alive[0].settings["theme_id"] == themes.themes[0].id


async def test_p10_the_brake_holds_removals_until_time_lets_go() -> None:
    """Also where a clock was ahead meanwhile, and something else was recorded by it."""
    names = ["a", "b", "c", "d"]
    files = {f"{name}.yaml": theme(name, removal={"grace": "1h"}) for name in [*names, "kept"]}
    made = world(themes=files, wears=None, limits=Limits(max_removals=3, per=DAY))
    async with alive(made) as themes:
        await change(made, **dict.fromkeys(names))
        await made.pass_(3 * HOUR)
        left = {api_name(OWNER, "d"), api_name(OWNER, "kept")}
        assert {one.name for one in themes.themes} == left
        rows = {row.name: row for row in (await made.desk.status()).themes}
        assert "too many" in rows["d"].why
        made.fake.skew = (2 * DAY).total_seconds()
        await change(made, kept=theme("kept", brand_text="Acme Ltd", removal={"grace": "1h"}))
        made.fake.skew = 0.0
        await made.pass_(3 * HOUR)
        assert methods(themes).count("update_theme") == 1
        assert {one.name for one in themes.themes} == left
        await made.pass_(2 * DAY, step=HOUR)
        assert [one.name for one in themes.themes] == [api_name(OWNER, "kept")]


async def test_a_brake_that_lets_nothing_go_is_not_asked_every_second() -> None:
    """`max_removals: 0`: themes stay, and are looked at as often as ever."""
    files = {"corporate.yaml": theme(removal=SOON)}
    made = world(themes=files, wears=None, limits=Limits(max_removals=0, per=DAY))
    async with alive(made) as themes:
        await change(made, corporate=None)
        await made.pass_(2 * HOUR)
        before = len(themes.asked)
        await made.pass_(timedelta(minutes=3), step=timedelta(seconds=1))
        assert len(themes.asked) - before < 10
        assert len(themes.themes) == 1
        assert "too many" in (await made.desk.status()).themes[0].why


async def test_a_failure_is_over_when_there_is_nothing_left_to_do() -> None:
    """The file is as it was again: no person is called for what was refused of another."""
    made = world()
    async with alive(made) as themes:
        themes.script("update_theme", *[Fate.REFUSED] * 3)
        await change(made, corporate=theme(brand_text="No"))
        assert (await made.desk.status()).themes[0].state == "failing"
        assert len(made.engine.parts.wardrobe.failing()) == 1
        await change(made, corporate=theme())
        assert (await made.desk.status()).themes[0].state == "kept"
        assert made.engine.parts.wardrobe.failing() == []
        (record,) = (await memory(made)).records
        assert (record.attempts.count, record.operation) == (0, None)


async def test_a_grace_counts_that_was_changed_and_nothing_else() -> None:
    """It is remembered at once, for the file that tells it may be gone next."""
    made = world(themes={"corporate.yaml": theme(removal={"grace": "1h"})}, wears=None)
    async with alive(made):
        await change(made, corporate=theme(removal={"grace": "30d"}))
        await made.restart()
        await change(made, corporate=None)
        await made.pass_(29 * DAY, step=DAY)
        assert events(made)[-1] == "theme.tombstoned"
        await made.pass_(2 * DAY, step=HOUR)
        assert events(made)[-1] == "theme.removed"


@pytest.mark.parametrize("killed", [False, True])
async def test_p12_a_removal_whose_answer_was_lost_is_told_as_ours(killed: bool) -> None:
    """The list lacks the theme; it went by no other hand, and it counts for the brake."""
    made = world(themes={"corporate.yaml": theme(removal=SOON)}, wears=None)
    async with alive(made) as themes:
        asked = asyncio.Event()
        if killed:

            async def end(one: Any) -> None:
                if one.method == "delete_theme":
                    asked.set()
                    await asyncio.Event().wait()

            themes.after = end
        else:
            themes.script("delete_theme", Fate.ACT_THEN_DROP)
        await change(made, corporate=None)
        await made.pass_(2 * HOUR)
        if killed:
            assert asked.is_set()
            themes.after = _live
            await made.crash()
            await made.start()
        await made.pass_(2 * HOUR)
        assert list(themes.themes) == []
        assert "theme.unanswered" in events(made)
        assert events(made)[-1] == "theme.removed"
        assert "not answered" in made.one("theme.removed").reason
        left = await memory(made)
        assert (left.records, len(left.removed)) == ((), 1)


async def test_a_theme_whose_file_comes_back_during_a_look_stays() -> None:
    """A look may take minutes; what it was begun with is not what is wanted by then."""
    made = world(themes={"corporate.yaml": theme(removal=SOON)}, wears=None)
    async with alive(made) as themes:

        async def edit(one: Any) -> None:
            if one.method == "list_themes" and made.clock.now() >= due:
                themes.after = _live
                made.sources.themes["corporate.yaml"] = theme()
                made.sources.announce()
                for _ in range(99):
                    await asyncio.sleep(0)

        await change(made, corporate=None)
        due = made.clock.now() + timedelta(seconds=59)
        themes.after = edit
        await made.pass_(2 * HOUR)
        assert events(made)[-2:] == ["theme.tombstoned", "theme.restored"]
        assert len(themes.themes) == 1


async def test_the_default_theme_is_not_removed() -> None:
    made = world(
        themes={"corporate.yaml": theme(default=True, removal={"grace": "1m"})}, wears=None
    )
    async with alive(made) as themes:
        await change(made, corporate=None)
        await made.pass_(3 * HOUR)
        assert len(themes.themes) == 1
        assert "default" in (await made.desk.status()).themes[0].why
        await change(made, other=theme("other", default=True))
        await made.pass_(HOUR)
        assert [one.name for one in themes.themes] == [api_name(OWNER, "other")]


async def test_an_api_that_answers_404_to_a_delete() -> None:
    """It counts where the theme cannot be read either."""
    made = world(themes={"corporate.yaml": theme(removal={"grace": "1m"})}, wears=None)
    async with alive(made) as themes:
        themes.script("delete_theme", Fate.MISSING)
        await change(made, corporate=None)
        await made.pass_(timedelta(minutes=1, seconds=2))
        assert "theme.removed" not in events(made)
        await made.pass_(HOUR)
        assert events(made)[-1] == "theme.removed"
        assert list(themes.themes) == []


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.NO_REMOVALS])
async def test_a_mode_goes_as_far_as_it_says(mode: Mode) -> None:
    made = world(themes={"corporate.yaml": theme(removal={"grace": "1m"})}, wears=None, mode=mode)
    async with alive(made) as themes:
        done = [] if mode is Mode.OBSERVE else ["create_theme"]
        assert methods(themes) == done
        if mode is Mode.OBSERVE:
            assert "mode is observe" in (await made.desk.status()).themes[0].why
            return
        await change(made, corporate=None)
        await made.pass_(3 * HOUR)
        assert methods(themes) == done
        assert "mode is no-removals" in (await made.desk.status()).themes[0].why


async def test_where_nobody_knows_all_nothing_is_ended() -> None:
    """A store that was lost, a listing that is not believed: themes stay as well."""
    made = world(themes={"corporate.yaml": theme(removal={"grace": "1m"})}, wears=None)
    async with alive(made) as themes:
        made.fake.doubtful = "it lies"
        await made.pass_(2 * HOUR)
        await change(made, corporate=None)
        await made.pass_(3 * HOUR)
        assert len(themes.themes) == 1
        assert "it lies" in (await made.desk.status()).themes[0].why
        made.fake.doubtful = ""
        await made.pass_(2 * HOUR)
        assert list(themes.themes) == []


# --- people ask ---


async def test_a_plan_tells_of_themes_what_apply_does() -> None:
    made = world(themes={"corporate.yaml": theme(logos=LOGOS, default=True)})
    engine, desk = made.offline()
    await engine.look()
    plan = await desk.plan()
    assert [(line.action, line.calls, line.key) for line in plan.themes] == [
        ("create", "POST", "theme:corporate"),
        ("update", "PUT", "theme:corporate"),
        ("update", "PATCH", "theme:corporate"),
    ]
    assert [line.action for line in plan.lines] == ["create"]
    assert plan.pending
    engine, desk = made.offline()
    await engine.prepare()
    applied = await desk.apply(ANNA)
    assert applied.calls == 4
    assert not applied.left.pending
    assert applied.left.themes == ()


async def test_a_plan_tells_of_a_removal_and_of_what_is_held() -> None:
    made = world(wears=None)
    async with alive(made) as themes:
        made.sources.themes.pop("corporate.yaml")
        (line,) = (await made.desk.plan(made.folder({"team-rooms.yaml": themed(None)}))).themes
        assert (line.action, line.when is not None) == ("bury", True)
        assert methods(themes) == ["create_theme"]
        themes.down = True
        assert (await made.desk.plan()).themes[0].held_by == "doubt"


async def test_why_compares_a_room_with_its_theme() -> None:
    made = world()
    async with alive(made) as themes:
        why = await made.desk.why("team-rooms/checkout")
        (field,) = [one for one in why.fields if one.path == "theme_id"]
        assert themes.themes[0].id in str(field)


async def test_without_themes_here_rooms_are_made_without() -> None:
    """As in a rehearsal, whose server in memory has no pictures."""
    made = world()
    made.themes = None
    await made.start()
    try:
        assert made.alive[0].settings["theme_id"] is None
        assert (await made.desk.status()).themes == ()
        assert (await made.desk.plan()).themes == ()
    finally:
        await made.end()


# --- taken over ---


async def by_hand(made: World, **fields: str) -> str:
    """A theme that somebody made, with a picture; its id."""
    assert made.themes is not None
    usual = {"theme_name": "Acme", "main_color": "#12f64e", "brand_text": "Acme"}
    there = await made.themes.create_theme(usual | fields)
    await made.themes.upload_logos(there.id, {LogoType.WHITE: LOGO})
    made.themes.asked.clear()
    return there.id


async def test_a_theme_that_was_made_by_hand_is_taken_over_by_its_id() -> None:
    """Nothing is called but GET; over a lost store, and until its file is gone; it stays then."""
    made = world(themes={}, resync=DAY)
    theme_id = await by_hand(made)
    file = theme(theme_id=theme_id, logos={"white": "white.png"})
    made.sources.themes["corporate.yaml"] = file
    async with alive(made) as themes:
        await made.pass_(2 * MINUTE)
        assert (themes.changes, events(made)) == ((), ["theme.adopted"])
        fact = made.one("theme.adopted")
        assert (fact.detail["marked"], fact.detail["theme_id"]) == (False, theme_id)
        (room,) = made.alive
        assert room.settings["theme_id"] == theme_id
        (row,) = (await made.desk.status()).themes
        assert (row.state, row.theme_id) == ("kept", theme_id)
        plan = await made.desk.plan()
        assert (plan.lines, plan.held) == ((), ())
        # The store forgets it, and the file says it again.
        await made.store.commit(Commit(notes={THEMES: None}), made.clock.now())
        await made.restart()
        await made.pass_(2 * MINUTE)
        assert (themes.changes, len(made.changes)) == ((), 1)
        # A colour of the file is the theme's; its name stays.
        changed = theme(theme_id=theme_id, logos={"white": "white.png"}, main_color="#abc")
        await change(made, corporate=changed)
        (there,) = themes.themes
        assert (there.name, there.fields["main_color"]) == ("Acme", "#abc")
        made.sources.policies["team-rooms.yaml"] = themed(None)
        await change(made, corporate=None)
        plan = await made.desk.plan()
        assert [line.action for line in plan.themes] == []
        await made.pass_(10 * DAY)
        assert [one.name for one in themes.themes] == ["Acme"]
        assert methods(themes) == ["update_theme"]
        assert events(made)[-1] == "theme.forgotten"
        assert (await memory(made)).records == ()


async def test_a_plan_tells_of_themes_that_are_taken_over_and_let_go() -> None:
    """As adopt and let-go, and that no call is made."""
    made = world(themes={}, wears=None)
    theme_id = await by_hand(made)
    made.sources.themes["corporate.yaml"] = theme(theme_id=theme_id)
    async with alive(made):
        made.sources.themes.pop("corporate.yaml")
        candidate = made.folder({"team-rooms.yaml": themed(None)})
        (line,) = (await made.desk.plan(candidate)).themes
        assert (line.action, line.key, line.calls) == ("let-go", "theme:corporate", "")


async def test_a_theme_that_the_api_does_not_show_is_not_made_and_holds_no_room() -> None:
    """It may be the wrong API; a person takes the line out, and then it is made."""
    made = world(themes={"corporate.yaml": theme(theme_id="t-none")})
    async with alive(made) as themes:
        await made.pass_(2 * MINUTE)
        assert (themes.changes, len(made.alive)) == ((), 1)
        (held,) = (await made.desk.plan()).themes
        assert (held.action, held.held_by) == ("adopt", "adopt")
        assert "which the API does not show" in held.held_why
        await change(made, corporate=theme())
        assert methods(themes) == ["create_theme"]


async def test_a_line_that_is_taken_out_makes_the_theme_ours() -> None:
    """By a PATCH of its name; no room changes, and a lost store knows it by that name."""
    made = world(themes={})
    theme_id = await by_hand(made)
    made.sources.themes["corporate.yaml"] = theme(theme_id=theme_id)
    async with alive(made) as themes:
        await made.pass_(2 * MINUTE)
        await change(made, corporate=theme())
        (there,) = themes.themes
        assert (there.id, there.name, methods(themes)) == (theme_id, NAME, ["update_theme"])
        assert made.changes == ["create_room"]
        (record,) = (await memory(made)).records
        assert record.adopted is False


async def test_two_files_that_name_one_theme_change_nothing() -> None:
    """Both are told, with the line."""
    files = {
        "corporate.yaml": theme(theme_id="t1"),
        "other.yaml": theme("other", theme_id="t1"),
    }
    made = world(themes=files, wears=None)
    async with alive(made) as themes:
        assert themes.changes == ()
        problems = (await made.desk.status()).problems
        assert [one.place.file for one in problems] == [
            "themes/corporate.yaml",
            "themes/other.yaml",
        ]
        assert all("one theme cannot be two" in one.message for one in problems)


# --- what nobody foresaw ---


async def test_a_bug_about_one_theme_ends_neither_the_others_nor_the_daemon() -> None:
    """It is shown and tried again, and no room waits for it."""
    made = world(themes={"corporate.yaml": theme(), "other.yaml": theme("other")})
    assert made.themes is not None
    broken = True

    async def breaks(asked: Any) -> None:
        if broken and asked.method == "create_theme" and "corporate" in str(asked.told):
            raise ZeroDivisionError

    made.themes.before = breaks
    async with alive(made) as themes:
        await made.pass_(2 * MINUTE)
        assert [one.name for one in themes.themes] == [api_name(OWNER, "other")]
        (room,) = made.alive
        assert room.settings["theme_id"] is None
        rows = {row.name: row for row in (await made.desk.status()).themes}
        assert rows["corporate"].why == "a fault of this program: ZeroDivisionError"
        assert rows["other"].why == ""
        broken = False
        await made.pass_(2 * MINUTE)
        assert {one.name for one in themes.themes} == {api_name(OWNER, "other"), NAME}
        (room,) = made.alive
        assert room.settings["theme_id"] is not None


async def test_a_list_of_themes_that_nobody_foresaw_ends_no_daemon() -> None:
    """Rooms are made meanwhile."""
    made = world()
    assert made.themes is not None
    broken = True

    async def breaks(asked: Any) -> None:
        if broken and asked.method == "list_themes":
            raise ZeroDivisionError

    made.themes.before = breaks
    async with alive(made) as themes:
        assert (len(made.alive), themes.themes) == (1, ())
        (row,) = (await made.desk.status()).themes
        assert row.why == "a fault of this program: ZeroDivisionError"
        broken = False
        await made.pass_(2 * MINUTE)
        assert len(themes.themes) == 1
