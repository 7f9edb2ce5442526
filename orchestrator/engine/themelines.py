"""Plans about themes as lines for people, without an act: each step is followed in memory."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchestrator.domain.reports import ChangeLine, PlanLine
from orchestrator.domain.themes import ThemeStep
from orchestrator.domain.theming import ThemeAct, ThemePlan, ThemeSituation, follow, plan_theme

_STEPS_MOST: Final = 12
# What comes after these depends on time.
_LAST: Final = frozenset({ThemeStep.DELETE, ThemeStep.TOMBSTONE, ThemeStep.FORGET, ThemeStep.MISS})
# As plans call what is done: the words of rooms.
_WORDS: Final[Mapping[ThemeStep, str]] = MappingProxyType(
    {
        ThemeStep.CREATE: "create",
        ThemeStep.UPDATE: "update",
        ThemeStep.UPLOAD: "update",
        ThemeStep.DEFAULT: "update",
        ThemeStep.DELETE: "delete",
        ThemeStep.ADOPT: "adopt",
        ThemeStep.TOMBSTONE: "bury",
        ThemeStep.RESTORE: "restore",
    }
)


def preview_lines(situation: ThemeSituation) -> list[PlanLine]:
    """What would be done about one theme, until its end, a removal, or what is held."""
    lines: list[PlanLine] = []
    for _ in range(_STEPS_MOST):
        plan = plan_theme(situation)
        if plan.act is None:
            if plan.held is not None:
                lines.extend(_line(situation, plan.held, plan))
            break
        lines.extend(_line(situation, plan.act, plan))
        if plan.act.step in _LAST:
            break
        situation = follow(situation, plan.act)
    return lines


def _line(situation: ThemeSituation, act: ThemeAct, plan: ThemePlan) -> list[PlanLine]:
    """An act as a line; none for what tells nobody anything."""
    word = _WORDS.get(act.step)
    if act.step is ThemeStep.FORGET and situation.record.id:
        word = "let-go"
    if word is None:
        return []
    changes = [
        ChangeLine(name, _shown(change.before), _shown(change.after))
        for name, change in act.changes.items()
    ]
    wish = situation.wish
    if wish is not None:
        changes += [
            ChangeLine(
                f"logos.{kind}",
                situation.record.uploaded.get(kind, "nothing of ours"),
                wish.logos[kind].file,
            )
            for kind in act.pictures
        ]
    if act.step is ThemeStep.DEFAULT:
        changes.append(ChangeLine("default", "false", "true"))
    return [
        PlanLine(
            action=word,
            key=f"theme:{situation.record.name}",
            reason=act.reason,
            calls=act.step.calls,
            display_name=situation.record.name if wish is None else wish.brand_text,
            changes=tuple(changes),
            when=act.due,
            held_by=plan.held_by,
            held_why=plan.held_why,
        )
    ]


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
