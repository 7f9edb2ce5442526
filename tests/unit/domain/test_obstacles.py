"""What stands in the way, in its order, and as sentences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.actions import Bury, Hold, LetGo
from orchestrator.domain.obstacles import (
    advice_of,
    doing,
    expression,
    in_order,
    of_hold,
    sentence,
    values_named,
    verdict,
    word_of,
)
from orchestrator.domain.policies import CONDITION, RemovalMode, Template, Tree
from orchestrator.domain.reports import Obstacle
from orchestrator.foundation.problems import Place

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BURY = Bury("1", NOW, RemovalMode.EXPIRE, "its subject is gone")


def one(by: str, told: str = "so", **more: Any) -> Obstacle:
    return Obstacle(by, told, **more)


def when(text: str) -> Template:
    before, after = CONDITION
    return Template(f"{before}{text}{after}", Place("oncall.yaml", 4))


def test_what_has_to_be_cleared_first_comes_first() -> None:
    """Known words in their order, others after them; twice the same is told once."""
    given = [one(by) for by in ("back-off", "brake", "wonder", "mode", "not-wanted", "mode")]
    given.append(one("mode", "other"))
    told = [(each.by, each.told) for each in in_order(given)]
    assert told == [
        ("not-wanted", "so"),
        ("mode", "so"),
        ("mode", "other"),
        ("brake", "so"),
        ("back-off", "so"),
        ("wonder", "so"),
    ]


def test_the_first_advice_is_the_one() -> None:
    obstacles = [one("mode"), one("brake", advice="approve"), one("grace", advice="wait")]
    assert advice_of(obstacles) == "approve"
    assert advice_of([]) == ""


@pytest.mark.parametrize(
    ("hold", "action"),
    [
        (Hold("grace", "its grace"), ""),
        (Hold("mode", "observe", None, BURY), "bury"),
        (Hold("brake", "too many", NOW, LetGo("1", "over")), "let-go"),
    ],
)
def test_a_hold_is_an_obstacle(hold: Hold, action: str) -> None:
    found = of_hold(hold, hold.until, since=NOW, seq=7, advice="x")
    assert found == Obstacle(hold.by, hold.reason, action, NOW, hold.until, 7, "x")
    assert word_of(hold.action) == action


@pytest.mark.parametrize(
    ("obstacle", "told"),
    [
        (one("policy"), "so"),
        (one("mode", action="create"), "making its room waits: so"),
        (one("mode", action="wonder"), "wonder waits: so"),
        (one("grace", since=NOW, until=NOW + timedelta(hours=1)), "so, since 12, until 13"),
    ],
)
def test_an_obstacle_is_a_sentence(obstacle: Obstacle, told: str) -> None:
    assert sentence(obstacle, lambda at: f"{at:%H}") == told


HELD = one("mode", action="renew")
BESIDE = one("policy")


@pytest.mark.parametrize(
    ("obstacles", "has_room", "wanted", "under_way", "begins"),
    [
        ([HELD], True, True, "", "Its room is there. In the way"),
        ([BESIDE], True, True, "", "Its room is there, and nothing of it waits"),
        ([], True, True, "renew", "Its room is there, and nothing is in the way: renewing"),
        ([], True, True, "", "Nothing is in the way"),
        ([HELD], False, True, "", "No room yet. In the way"),
        ([], False, True, "create", "No room yet, and nothing is in the way"),
        ([HELD], True, False, "", "Its room is there still, and nothing asks for it. In the"),
        ([HELD], False, False, "", "No room, and none to come"),
    ],
)
def test_the_answer_in_a_sentence(
    obstacles: list[Obstacle], has_room: bool, wanted: bool, under_way: str, begins: str
) -> None:
    told = verdict(obstacles, has_room=has_room, wanted=wanted, under_way=under_way)
    assert told.startswith(begins)
    assert doing("update") == "changing it"


def test_an_expression_is_told_with_the_values_that_it_looks_at() -> None:
    """Each once, by its whole name; what the page does not say is not told."""
    text = "page.severity == 'low' or page.severity == page['labels'][\"env\"] and page.labels.a.b"
    page: Tree = {
        "severity": "high",
        "labels": {"env": "x" * 200, "a": "no tree"},
    }
    assert expression(when(text)) == text
    severity, env, deep = values_named(when(text), page)
    assert severity == "page.severity is 'high'"
    assert env.startswith("page['labels'][\"env\"] is 'xxx")
    assert env.endswith("…")
    assert len(env) < 130
    assert deep == "page.labels.a.b is not told"
    assert values_named(when("true"), page) == ()
