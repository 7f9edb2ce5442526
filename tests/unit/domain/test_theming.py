"""The plan of one theme, case by case; and that following a plan comes to rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain import backoff
from orchestrator.domain.outcomes import keep_wish
from orchestrator.domain.pausing import Pause
from orchestrator.domain.policies import TOMBSTONE_LEAST, Mode, dressed, undressed
from orchestrator.domain.rooms import Change
from orchestrator.domain.themes import (
    Logo,
    LogoType,
    Theme,
    ThemeOperation,
    ThemeRecord,
    ThemeStep,
    ThemeWish,
    api_name,
)
from orchestrator.domain.theming import (
    ThemeAct,
    ThemePlan,
    ThemeSituation,
    ThemeWorld,
    follow,
    plan_theme,
    taken_over,
    tried,
)
from tests import builders as a

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOGO = Logo("themes/white.png", b"white")
WISH = ThemeWish(
    "corporate",
    "themes/corporate.yaml",
    "0" * 16,
    "#12f64e",
    "Acme",
    logos={LogoType.WHITE: LOGO},
    default=True,
)
FIELDS = WISH.fields("acme")
SEEN = Theme("t1", {**FIELDS, "short_company_url": None}, {LogoType.WHITE: "k1"})
KEPT = ThemeRecord(
    "corporate",
    "t1",
    fields=FIELDS,
    uploaded={"white": LOGO.digest},
    pictures={"white": "k1"},
    default=True,
)
RENAMED = replace(SEEN, fields={**SEEN.fields, "theme_name": "x"})
NEW = ThemeRecord("corporate")
FROZEN = Pause("frozen", "by anna: quarter end", NOW + HOUR)
ALL_FROZEN = replace(FROZEN, all_acts=True)
WORLD = ThemeWorld(NOW, "acme", timedelta(seconds=60), listed=NOW)
DECIDED = replace(KEPT, decided_at=NOW - 2 * HOUR, due=NOW - HOUR, default=False)


def situation(
    record: ThemeRecord = KEPT,
    wish: ThemeWish | None = WISH,
    seen: Theme | None = SEEN,
    world: ThemeWorld = WORLD,
    **more: Any,
) -> ThemeSituation:
    return ThemeSituation(record, wish, seen, world, **more)


def gone(**more: Any) -> ThemeSituation:
    """Nobody wants it, and its grace is over."""
    return situation(more.pop("record", DECIDED), None, **more)


def the_act(made: ThemePlan) -> ThemeAct:
    assert made.act is not None, made
    return made.act


def held(made: ThemePlan) -> tuple[str, datetime | None]:
    assert made.act is None
    return made.held_by, made.until


@pytest.mark.parametrize(
    ("case", "step"),
    [
        (situation(NEW, seen=None), ThemeStep.CREATE),
        (situation(NEW), ThemeStep.ADOPT),
        (situation(seen=None), ThemeStep.MISS),
        (
            situation(replace(KEPT, missing_since=NOW - HOUR), seen=None),
            ThemeStep.LOSE,
        ),
        (situation(replace(KEPT, missing_since=NOW - HOUR)), ThemeStep.FIND),
        (situation(wish=replace(WISH, brand_text="Other")), ThemeStep.UPDATE),
        (
            situation(seen=replace(SEEN, fields={**SEEN.fields, "theme_name": "x"})),
            ThemeStep.UPDATE,
        ),
        (situation(replace(KEPT, uploaded={})), ThemeStep.UPLOAD),
        (situation(seen=replace(SEEN, pictures={})), ThemeStep.UPLOAD),
        (situation(seen=replace(SEEN, pictures={LogoType.WHITE: "k2"})), ThemeStep.UPLOAD),
        (situation(replace(KEPT, default=False)), ThemeStep.DEFAULT),
        (situation(DECIDED), ThemeStep.RESTORE),
        (situation(wish=None), ThemeStep.TOMBSTONE),
        (gone(), ThemeStep.DELETE),
        (situation(NEW, None, None), ThemeStep.FORGET),
    ],
)
def test_what_is_done_next(case: ThemeSituation, step: ThemeStep) -> None:
    assert the_act(plan_theme(case)).step is step


NAMED = replace(WISH, theme_id="t9", default=False)
HANDMADE = replace(
    SEEN, id="t9", fields={**SEEN.fields, "theme_name": "Acme"}, pictures={LogoType.WHITE: "k9"}
)
ADOPTED = taken_over(NEW, HANDMADE, NAMED, "acme")


def test_a_theme_that_its_file_names_is_taken_over_as_it_is() -> None:
    """Its name, its texts, its pictures: nothing is left to do."""
    act = the_act(plan_theme(situation(NEW, NAMED, HANDMADE)))
    assert (act.step, act.reason) == (
        ThemeStep.ADOPT,
        "themes/corporate.yaml names it by its id",
    )
    assert (ADOPTED.id, ADOPTED.adopted, dict(ADOPTED.fields)) == ("t9", True, {})
    assert dict(ADOPTED.uploaded) == {"white": LOGO.digest}
    assert dict(ADOPTED.pictures) == {"white": "k9"}
    assert plan_theme(situation(ADOPTED, NAMED, HANDMADE)) == ThemePlan()
    followed = follow(situation(NEW, NAMED, HANDMADE), act)
    assert followed.record == ADOPTED


def test_a_theme_that_was_taken_over_is_held_in_shape_and_keeps_its_name() -> None:
    """A picture that it lacks is uploaded; what differs in the file is a PATCH of that alone."""
    bare = taken_over(NEW, replace(HANDMADE, pictures={}), NAMED, "acme")
    assert dict(bare.uploaded) == {}
    act = the_act(plan_theme(situation(bare, NAMED, replace(HANDMADE, pictures={}))))
    assert (act.step, act.pictures) == (ThemeStep.UPLOAD, (LogoType.WHITE,))
    other = replace(NAMED, brand_text="Other")
    act = the_act(plan_theme(situation(ADOPTED, other, HANDMADE)))
    assert dict(act.changes) == {"brand_text": Change("Acme", "Other")}
    after = follow(situation(ADOPTED, other, HANDMADE), act)
    assert (after.record.adopted, plan_theme(after)) == (True, ThemePlan())


def test_a_line_that_is_taken_out_gives_the_theme_our_name() -> None:
    """From then on it is ours: removed like any other."""
    ours = replace(NAMED, theme_id="")
    act = the_act(plan_theme(situation(ADOPTED, ours, HANDMADE)))
    assert dict(act.changes) == {"theme_name": Change("Acme", FIELDS["theme_name"])}
    after = follow(situation(ADOPTED, ours, HANDMADE), act)
    assert (after.record.adopted, plan_theme(after)) == (False, ThemePlan())
    act = the_act(plan_theme(replace(after, wish=None)))
    assert act.step is ThemeStep.TOMBSTONE


def test_a_line_about_a_theme_of_ours_changes_nothing() -> None:
    """It is the same theme, and keeps the name that it has."""
    same = replace(WISH, theme_id="t1")
    assert plan_theme(situation(wish=same)) == ThemePlan()


@pytest.mark.parametrize(
    ("record", "seen", "why"),
    [
        (NEW, None, "names theme t9, which the API does not show"),
        (KEPT, SEEN, "names theme t9, and corporate is t1"),
        (
            NEW,
            replace(HANDMADE, fields={**SEEN.fields, "theme_name": api_name("acme", "other")}),
            "names theme t9, which is other already",
        ),
        (
            NEW,
            replace(HANDMADE, fields={**SEEN.fields, "theme_name": "corporate~0a1b2c3d"}),
            "names theme t9, which bears the mark of another owner",
        ),
    ],
)
def test_p03_whose_theme_is_in_doubt_is_not_taken_over(
    record: ThemeRecord, seen: Theme | None, why: str
) -> None:
    """Nor is another made in its place."""
    made = plan_theme(situation(record, NAMED, seen))
    assert held(made) == ("adopt", None)
    assert made.held_why == f"themes/corporate.yaml {why}"
    assert made.held is not None
    assert made.held.step is ThemeStep.ADOPT


def test_a_theme_of_ours_may_be_named_by_its_id_after_a_store_was_lost() -> None:
    """It bears our mark, and so it is ours."""
    act = the_act(plan_theme(situation(NEW, replace(WISH, theme_id="t1"), SEEN)))
    assert act.step is ThemeStep.ADOPT
    assert taken_over(NEW, SEEN, WISH, "acme").adopted is False


def test_a_theme_that_was_there_before_us_is_let_go_and_not_removed() -> None:
    """At once: nothing is done at the API."""
    act = the_act(plan_theme(situation(ADOPTED, None, HANDMADE)))
    assert (act.step, act.reason.partition(";")[2]) == (
        ThemeStep.FORGET,
        " it was there before us, and stays",
    )


def test_another_id_is_another_wish() -> None:
    """A failure of the one is none of the other."""
    digests = {WISH.digest, NAMED.digest, replace(NAMED, default=True).digest}
    assert len(digests) == 3


def test_what_is_as_it_should_be_rests() -> None:
    assert plan_theme(situation()) == ThemePlan()
    assert plan_theme(situation(wish=replace(WISH, default=False))) == ThemePlan()
    assert plan_theme(situation(wish=None, kept="a bad file")) == ThemePlan()


def test_an_update_says_what_differs_and_what_a_line_that_was_taken_out_means() -> None:
    record = replace(KEPT, fields={**FIELDS, "short_company_url": "acme"})
    seen = replace(SEEN, fields={**SEEN.fields, "short_company_url": "acme", "main_color": "#000"})
    act = the_act(plan_theme(situation(record, seen=seen)))
    assert act.changes == {
        "short_company_url": Change("acme", None),
        "main_color": Change("#000", "#12f64e"),
    }


def test_a_company_url_that_nobody_named_is_left_as_it_is() -> None:
    seen = replace(SEEN, fields={**SEEN.fields, "short_company_url": "by-hand"})
    assert plan_theme(situation(seen=seen)) == ThemePlan()


def test_a_removal_has_its_grace_and_the_least_that_there_is() -> None:
    for grace, due in ((timedelta(days=7), timedelta(days=7)), (timedelta(), TOMBSTONE_LEAST)):
        act = the_act(plan_theme(situation(replace(KEPT, grace=grace), None)))
        assert act.due == NOW + due
    waiting = replace(DECIDED, due=NOW + HOUR)
    assert held(plan_theme(gone(record=waiting))) == ("", NOW + HOUR)


def test_a_new_theme_is_made_in_a_freeze() -> None:
    """No room has it yet, and one that is made anew may wait for it."""
    world = replace(WORLD, pause=FROZEN)
    made = plan_theme(situation(NEW, seen=None, world=world))
    assert made.act is not None
    assert made.act.step is ThemeStep.CREATE


@pytest.mark.parametrize(
    ("case", "by"),
    [
        (gone(users=2), "in-use"),
        (gone(record=replace(DECIDED, default=True)), "default"),
        (gone(world=replace(WORLD, doubt="it lies")), "doubt"),
        (situation(wish=None, world=replace(WORLD, apart="clocks differ")), "doubt"),
        (situation(seen=None, world=replace(WORLD, apart="clocks differ")), "doubt"),
        (gone(world=replace(WORLD, mode=Mode.NO_REMOVALS)), "mode"),
        (gone(world=replace(WORLD, mode=Mode.OBSERVE)), "mode"),
        (gone(world=replace(WORLD, stopped="a stranger")), "refusal"),
        (gone(world=replace(WORLD, braked=NOW + HOUR)), "brake"),
        (gone(world=replace(WORLD, pause=FROZEN)), "frozen"),
        (situation(KEPT, seen=RENAMED, world=replace(WORLD, pause=FROZEN)), "frozen"),
        (situation(NEW, seen=None, world=replace(WORLD, pause=ALL_FROZEN)), "frozen"),
        (situation(NEW, seen=None, world=replace(WORLD, mode=Mode.OBSERVE)), "mode"),
        (situation(NEW, seen=None, world=replace(WORLD, stopped="a stranger")), "refusal"),
        (
            situation(
                replace(KEPT, missing_since=NOW - HOUR),
                seen=None,
                world=replace(WORLD, doubt="it lies"),
            ),
            "doubt",
        ),
        (situation(replace(KEPT, missing_since=NOW), seen=None), "settle"),
        *[
            (
                situation(
                    replace(KEPT, missing_since=NOW - HOUR),
                    seen=None,
                    world=replace(WORLD, listed=listed),
                ),
                "settle",
            )
            for listed in (None, NOW - 2 * HOUR)
        ],
    ],
)
def test_what_stands_before_it(case: ThemeSituation, by: str) -> None:
    made = plan_theme(case)
    assert (made.act, made.held_by) == (None, by)


def test_no_mode_stands_before_what_only_we_remember() -> None:
    case = situation(DECIDED, world=replace(WORLD, mode=Mode.OBSERVE))
    assert the_act(plan_theme(case)).step is ThemeStep.RESTORE


def test_a_doubt_stands_before_no_making() -> None:
    case = situation(NEW, seen=None, world=replace(WORLD, doubt="it lies"))
    assert the_act(plan_theme(case)).step is ThemeStep.CREATE


def test_what_was_sent_a_short_while_ago_and_did_not_stay_waits() -> None:
    """Fields and pictures; something else is sent at once."""
    seen = replace(SEEN, fields={**SEEN.fields, "brand_text": "Mine"})
    record = replace(KEPT, updated_at=NOW - HOUR / 2)
    assert held(plan_theme(situation(record, seen=seen))) == ("back-off", NOW + HOUR / 2)
    other = replace(WISH, brand_text="Other")
    assert the_act(plan_theme(situation(record, other, seen))).step is ThemeStep.UPDATE
    old = replace(KEPT, updated_at=NOW - HOUR)
    assert the_act(plan_theme(situation(old, seen=seen))).step is ThemeStep.UPDATE
    painted = replace(KEPT, painted_at=NOW - HOUR / 2)
    bare = replace(SEEN, pictures={})
    assert held(plan_theme(situation(painted, seen=bare))) == ("back-off", NOW + HOUR / 2)


def test_what_failed_waits_until_its_time_or_another_wish() -> None:
    act = the_act(plan_theme(situation(NEW, seen=None)))
    failure = backoff.Failure("409: taken", tried(act, WISH))
    attempts = backoff.failed(NEW.attempts, backoff.Schedule.FORBIDDEN, NOW, "corporate", failure)
    failed = replace(NEW, attempts=attempts)
    made = plan_theme(situation(failed, seen=None))
    assert (made.held_by, made.held_why, made.until) == ("back-off", "409: taken", attempts.next_at)
    assert made.held == act
    other = replace(WISH, brand_text="Other")
    assert the_act(plan_theme(situation(failed, other, None))).step is ThemeStep.CREATE


def test_a_create_that_may_still_be_carried_out_is_not_forgotten_at_once() -> None:
    for age, done in ((timedelta(), False), (HOUR, True)):
        record = replace(NEW, operation=ThemeOperation(ThemeStep.CREATE, NOW - age))
        made = plan_theme(situation(record, None, None))
        assert (made.act is not None) is done
        if not done:
            assert held(made) == ("settle", NOW + WORLD.settle)


@pytest.mark.parametrize(
    "case",
    [
        situation(NEW, seen=None),
        situation(NEW),
        situation(replace(KEPT, missing_since=NOW - HOUR)),
        situation(replace(KEPT, missing_since=NOW - HOUR), seen=None),
        situation(replace(DECIDED, fields={**FIELDS, "short_company_url": "x"})),
        situation(wish=replace(WISH, main_color="#000"), seen=replace(SEEN, pictures={})),
        situation(wish=None),
        gone(),
    ],
)
def test_following_a_plan_comes_to_rest(case: ThemeSituation) -> None:
    """Each act leads on to another one, and the last to a theme as it is wished, or to none."""
    steps: list[ThemeStep] = []
    while (act := plan_theme(case).act) is not None:
        steps.append(act.step)
        assert len(steps) < 10, steps
        if act.step is ThemeStep.FORGET:
            break
        case = follow(case, act)
    assert len(set(steps)) == len(steps)
    if case.wish is not None and case.seen is not None:
        assert case.seen.fields["main_color"] == case.wish.main_color


def test_a_look_in_vain_is_followed_by_nothing() -> None:
    case = situation(seen=None)
    assert follow(case, the_act(plan_theme(case))) == case


def test_only_calls_have_a_method() -> None:
    methods = {step: step.calls for step in ThemeStep if step.calls}
    assert methods == {
        ThemeStep.CREATE: "POST",
        ThemeStep.UPDATE: "PATCH",
        ThemeStep.UPLOAD: "PUT",
        ThemeStep.DEFAULT: "PATCH",
        ThemeStep.DELETE: "DELETE",
    }


def test_a_wish_is_dressed_for_a_turn_and_kept_undressed() -> None:
    """What is kept names the theme; where it was asked for is told of the id as well."""
    wish = replace(a.desired(), theme="corporate", places={"theme": "team-rooms.yaml:7"})
    now = dressed(wish, "t1")
    assert now.settings["theme_id"] == "t1"
    assert now.places["theme_id"] == "team-rooms.yaml:7"
    assert undressed(now) == wish
    assert keep_wish(a.state(), now).wish == wish
    assert undressed(wish) is wish
    bare = replace(wish, places={})
    assert dressed(bare, None).settings["theme_id"] is None
    assert "theme_id" not in dressed(bare, None).places
    assert wish.digest != a.desired().digest
