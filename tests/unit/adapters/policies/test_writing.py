"""Policies as text: what is written is what the reader reads, whatever the words in it."""

from datetime import timedelta

import pytest

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.policies.themes import read_theme
from orchestrator.adapters.policies.writing import (
    data_name,
    describe,
    picture_name,
    write_policy,
    write_rows,
    write_theme,
)
from orchestrator.adapters.templates.rendering import SandboxedTemplates
from orchestrator.domain.importedthemes import ThemeDraft
from orchestrator.domain.importing import LIFETIMES, Group, Row, Shape
from orchestrator.domain.policies import Policy
from orchestrator.domain.rooms import SETTINGS, Setting
from orchestrator.domain.themes import LogoType
from tests.pictures import FAVICON, LOGO

YEAR = timedelta(days=365)
ROW = Row("a", "1", "A room", "A room")
ORIGIN = "https://meet.example.com/v1/meetings"


def read(group: Group, hosts: str = "", origin: str = ORIGIN) -> Policy:
    """The policy as the reader has it; every line of it is lawful."""
    reader = PolicyReader(SandboxedTemplates(), CronCalendar())
    text = write_policy(group, origin, hosts)
    found = reader.parse(f"{group.name}.yaml", text.encode())
    assert found.policy is not None, (found.problems, text)
    data = {data_name(group): write_rows(group).encode()}
    subjects = reader.subjects(found.policy, data).subjects
    assert subjects is not None
    assert len(subjects) == len(group.rows)
    return found.policy


@pytest.mark.parametrize("lifetime", LIFETIMES, ids=str)
def test_every_lifetime_is_renewed_well_before_its_end(lifetime: timedelta) -> None:
    policy = read(Group("imported", Shape(lifetime), (ROW,)))
    assert policy.room.lifetime == lifetime
    assert policy.renewal.before is not None
    assert timedelta() < policy.renewal.before <= lifetime / 5


OTHERS: dict[str, Setting] = {
    path: (not rule.default if isinstance(rule.default, bool) else rule.choices[-1])
    for path, rule in SETTINGS.items()
    if rule.default is not None
}


@pytest.mark.parametrize("paths", [*((path,) for path in OTHERS), tuple(OTHERS)], ids=str)
def test_every_setting_is_read_as_it_was_written(paths: tuple[str, ...]) -> None:
    """Each alone, and all of them."""
    settings = tuple((path, OTHERS[path]) for path in paths)
    group = Group("imported", Shape(YEAR, settings), (ROW,))
    policy = read(group, hosts="hosts")
    assert tuple(policy.room.settings.items()) == settings
    told = [str(one.link) for one in policy.deliver]
    assert told == (["host"] if "join_approval_level" in paths else [])
    assert "365d, " in describe(group)


def test_words_from_outside_end_no_line_and_begin_none() -> None:
    """An address, a file's name; what is kept is counted in comments."""
    kept = {"theme_id": 1, "join_approval_level": 1, "ui_settings.language": 1}
    group = Group("imported", Shape(YEAR), (ROW,), kept)
    policy = read(group, origin="rooms\n- {x: y}\u2028\x1b[2J.json")
    assert policy.room.settings == {}
    text = write_policy(group, "rooms\n- {x: y}\u2028\x1b[2J.json")
    assert "from rooms - {x: y} [2J.json.\n" in text
    assert text.count("1 of its 1 rooms have another") == 3


def test_a_row_has_the_text_of_its_metadata_where_there_is_one() -> None:
    """And a policy asks for it where any row has one."""
    rows = (ROW, Row("b", "2", 'B "}: #', "B", text="centre\t7"))
    group = Group("imported", Shape(YEAR), rows)
    assert read(group).room.metadata is not None
    assert read(Group("imported", Shape(YEAR), (ROW,))).room.metadata is None
    assert '- {"key": "b", "name": "B \\"}: #", "metadata": "centre\\t7"}' in write_rows(group)


def test_a_theme_is_asked_for_by_its_name() -> None:
    """Once policies can name themes."""
    group = Group("imported", Shape(YEAR, (), "corporate"), (ROW,))
    assert '\n  theme: "corporate"\n' in write_policy(group, ORIGIN)
    assert describe(group) == "365d, theme corporate"


@pytest.mark.parametrize(
    "text", ["Acme", "{{ 7*7 }}", "- [x]", 'a: "b" # c', "null", "会议室", "'"]
)
def test_a_theme_is_read_as_it_was_written(text: str) -> None:
    """Whatever the words in it, with its pictures or without."""
    draft = ThemeDraft("acme", "t-1", f"{text}\n# x", "#12f64e", text, "acme_1")
    found = read_theme("themes/acme.yaml", write_theme(draft, f"a\n{text}").encode(), {})
    assert found.theme is not None, found.problems
    theme = found.theme
    assert (theme.name, theme.theme_id, theme.brand_text) == ("acme", "t-1", text)
    assert (theme.main_color, theme.short_company_url) == ("#12f64e", "acme_1")
    assert (theme.logos, theme.default) == ({}, False)
    kept = {LogoType.WHITE: LOGO, LogoType.FAVICON: FAVICON}
    pictured = ThemeDraft("acme", "t-1", "Acme", "#abc", text, pictures=kept)
    pictures = {picture_name(pictured, kind): content for kind, content in kept.items()}
    found = read_theme("themes/acme.yaml", write_theme(pictured, "x").encode(), pictures)
    assert found.theme is not None, found.problems
    assert {kind: one.content for kind, one in found.theme.logos.items()} == kept
    assert found.theme.short_company_url is None
