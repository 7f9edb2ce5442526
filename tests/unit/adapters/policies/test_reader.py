"""What a lawful policy becomes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.models import PolicyForm
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.domain.keys import Key
from orchestrator.domain.policies import (
    DataFile,
    ForEach,
    Items,
    Mode,
    Policy,
    Removal,
    RemovalMode,
    Renewal,
    Replace,
    ReplaceMode,
    Schedule,
    Window,
)
from orchestrator.domain.rooms import SETTINGS, RoomType
from orchestrator.foundation.problems import Place, Problem

READER = PolicyReader(SandboxedTemplates(), CronCalendar())

SMALL = """\
version: 1
name: team-rooms
for_each:
  items: [checkout, "007", 007, 1.50]
  key: "{{ item }}"
room: {type: long_term, display_name: "{{ item }} room", lifetime: 365d}
"""

WHOLE = """\
version: 1
name: team-rooms
description: A long-term room for every team, renewed yearly.
for_each:
  file: teams.yaml
  as: team
  key: "{{ team.slug }}"
  formerly: "{{ team.old_slug }}"
  min_items: 2
room:
  type: long_term
  display_name: "{{ team.name }} room"
  lifetime: 365d
  metadata: "for {{ team.name }}"
  expire_after_use: false
  join_approval_level: none
  recording_options: {auto_record: false, record_only_owner: true}
  available_features:
    is_recording_available: true
    is_chat_available: true
    is_whiteboard_available: false
    is_locale_switcher_available: true
    is_captions_available: true
  initial_join_options: {microphone_state: off}
  ui_settings: {language: EN}
renewal:
  before: 60d
  window: {cron: "0 6 * * *", timezone: Europe/Berlin, duration: 4h}
  only_if_used_within: 180d
replace: {mode: now, overlap: 1h}
removal: {mode: delete, grace: 3d}
protect: false
mode: no-removals
deliver: [{to: rooms-json}]
formerly: old-rooms
moved: [{from: a, to: b}, {from: other-rooms/c, to: d}]
"""


def parse(text: str) -> Policy:
    """The policy of a text without problems."""
    parsed = READER.parse("team-rooms.yaml", text.encode())
    assert parsed.problems == ()
    assert parsed.policy is not None
    assert parsed.name == parsed.policy.name
    return parsed.policy


def test_everything_that_can_be_said_arrives() -> None:
    """Each part of the language becomes its value."""
    policy = parse(WHOLE)
    made_for = policy.made_for
    assert isinstance(made_for, ForEach)
    assert made_for.source == DataFile("teams.yaml", Place("team-rooms.yaml", 5, 9))
    assert (made_for.name, made_for.min_items) == ("team", 2)
    assert made_for.formerly is not None
    assert made_for.formerly.place == Place("team-rooms.yaml", 8, 13)
    assert policy.room.type is RoomType.LONG_TERM
    assert policy.room.lifetime == timedelta(days=365)
    assert policy.room.metadata is not None
    assert policy.room.metadata.source == "for {{ team.name }}"
    assert policy.room.settings["ui_settings.language"] == "en"
    assert policy.room.settings["initial_join_options.microphone_state"] == "off"
    assert policy.renewal == Renewal(
        timedelta(days=60),
        Window("0 6 * * *", "Europe/Berlin", timedelta(hours=4)),
        timedelta(days=180),
    )
    assert policy.replace == Replace(ReplaceMode.NOW, timedelta(hours=1))
    assert policy.removal == Removal(RemovalMode.DELETE, timedelta(days=3))
    assert (policy.protect, policy.mode) == (False, Mode.NO_REMOVALS)
    assert [(to.to, to.place.line) for to in policy.deliver] == [("rooms-json", 34)]
    assert policy.formerly == ("old-rooms",)
    assert [move.old_key(policy.name) for move in policy.moved] == [
        Key("team-rooms", "a"),
        Key("other-rooms", "c"),
    ]
    assert [move.new_key(policy.name).subject for move in policy.moved] == ["b", "d"]


def test_every_setting_of_the_table_can_be_asked_for() -> None:
    """The language's settings are the table's, but for the theme, which is a name of our own."""
    assert set(parse(WHOLE).room.settings) == set(SETTINGS) - {"theme_id"}


def test_what_is_not_said_has_its_default() -> None:
    """A policy of the required lines alone."""
    policy = parse(SMALL)
    assert policy.room.settings == {}
    assert policy.renewal == Renewal()
    assert policy.replace == Replace()
    assert policy.removal == Removal()
    assert policy.protect is None
    assert policy.mode is None
    assert policy.room.metadata is None


@pytest.mark.parametrize("mode", list(ReplaceMode))
def test_replace_may_be_a_single_word(mode: ReplaceMode) -> None:
    """``replace: now`` is short for a mapping."""
    assert parse(f"{SMALL}replace: {mode}\n").replace == Replace(mode)


def test_a_removal_without_grace_keeps_the_default_grace() -> None:
    """Naming one half leaves the other."""
    assert parse(f"{SMALL}removal: {{mode: keep}}\n").removal == Removal(RemovalMode.KEEP)
    assert parse(f"{SMALL}renewal: {{before: 9d}}\n").renewal == Renewal(timedelta(days=9))


def test_items_are_taken_as_they_are_written() -> None:
    """Numbers among the items stay the text that stands there."""
    made_for = parse(SMALL).made_for
    assert isinstance(made_for, ForEach)
    source = made_for.source
    assert isinstance(source, Items)
    assert [subject.fields for subject in source.subjects] == ["checkout", "007", "007", "1.50"]
    assert source.subjects[1].place == Place("team-rooms.yaml", 4, 21)


def test_places_lead_to_the_lines() -> None:
    """Reasons name the line of a setting."""
    policy = parse(WHOLE)
    assert policy.room.places["lifetime"] == Place("team-rooms.yaml", 13, 13)
    assert policy.room.places["available_features.is_chat_available"].line == 20
    assert policy.places["removal.grace"].of_line == "team-rooms.yaml:31"


SCHEDULED = """\
version: 1
name: all-hands
on_schedule: {cron: "0 15 * * THU", timezone: Europe/Berlin, duration: 90m}
room: {type: long_term, display_name: "All hands {{ occurrence.start | date }}"}
"""


def test_a_schedule_has_its_defaults() -> None:
    """A quarter of an hour before, half an hour after."""
    policy = parse(SCHEDULED)
    assert policy.made_for == Schedule(
        "0 15 * * THU",
        "Europe/Berlin",
        timedelta(minutes=90),
        open_before=timedelta(minutes=15),
        stay=timedelta(minutes=30),
    )
    assert policy.room.lifetime is None
    assert policy.places["on_schedule"] == Place("team-rooms.yaml", 3, 14)
    assert READER.subjects(policy, {}).subjects == ()


def test_a_schedule_may_open_at_its_start_and_close_at_its_end() -> None:
    """Nothing is added to what is written as nothing."""
    text = SCHEDULED.replace("duration: 90m", "duration: 90m, open_before: 0s, stay: 0s")
    made_for = parse(text).made_for
    assert isinstance(made_for, Schedule)
    assert made_for.life == timedelta(minutes=90)


def test_the_version_is_a_digest_of_the_text() -> None:
    """Another byte is another version; the same bytes are the same."""
    first, again, other = parse(SMALL), parse(SMALL), parse(f"{SMALL}# note\n")
    assert first.version == again.version
    assert len(first.version) == 16
    assert first.version != other.version


def test_destinations_are_not_checked_where_they_are_not_known() -> None:
    """Offline, without a config, any name may stand in `deliver`."""
    assert parse(f"{SMALL}deliver: [{{to: anywhere}}]\n").deliver[0].to == "anywhere"


def test_a_slash_may_be_part_of_a_moved_subject() -> None:
    """What stands before the slash is a policy only where it could name one."""
    policy = parse(f"{SMALL}moved: [{{from: EMEA/Sales, to: sales}}]\n")
    assert policy.moved[0].old_key("team-rooms") == Key("team-rooms", "EMEA/Sales")


def test_a_window_that_waits_shortly_enough_is_taken() -> None:
    """Weekdays leave it closed over a weekend, which 30 days bear."""
    window = '{cron: "0 6 * * MON-FRI", timezone: Europe/Berlin, duration: 4h}'
    assert parse(f"{SMALL}renewal: {{before: 30d, window: {window}}}\n").renewal.window is not None
    assert parse(f"{SMALL}renewal: {{window: {window}}}\n").renewal.before is None


def test_fields_of_items_that_are_asked_for_may_be_missing() -> None:
    """`default` and `is defined` say that the writer knows."""
    text = SMALL.replace("{{ item }} room", "{{ item.nick | default('none') }} room")
    parse(text)


def test_the_schema_of_the_language_can_be_written() -> None:
    """Editors read it; it knows the aliases and describes each field."""
    schema = PolicyForm.model_json_schema()
    each = schema["$defs"]["ForEachForm"]["properties"]
    assert {"as", "key", "file", "http", "items", "formerly", "min_items"} == set(each)
    for name, form in {"": schema, **schema["$defs"]}.items():
        for field, described in form["properties"].items():
            assert described.get("description"), f"{name}.{field} is not described"


def together(*texts: Mapping[str, str]) -> list[str]:
    """What is told of policies side by side; each given as what is changed in the small one."""
    policies = []
    for number, changes in enumerate(texts):
        text = SMALL + changes.get("add", "")
        text = text.replace("name: team-rooms", f"name: {changes.get('name', f'p{number}')}")
        parsed = READER.parse(f"{number}.yaml", text.encode())
        assert parsed.policy is not None, parsed.problems
        policies.append(parsed.policy)
    return [str(problem) for problem in READER.check_together(policies)]


@pytest.mark.parametrize(
    ("policies", "told"),
    [
        pytest.param([{}, {}], [], id="nothing in common"),
        pytest.param([{"add": "moved: [{from: a, to: b}]\n"}], [], id="one alone"),
        pytest.param(
            [{"name": "same"}, {"name": "same"}, {"name": "same"}],
            [
                f'{number}.yaml:2:7  the name "same" is taken by 0.yaml:2:7; '
                "choose another for one of them"
                for number in (1, 2)
            ],
            id="one name",
        ),
        pytest.param(
            [{"add": "formerly: old\n"}, {"add": "formerly: [older, old]\n"}],
            ['1.yaml:7:11  formerly "old" is claimed by 0.yaml:7:11 too; only one can be its heir'],
            id="two heirs",
        ),
        pytest.param(
            [
                {"add": "moved: [{from: p1/x, to: x}]\n"},
                {"add": "moved: [{from: p0/x, to: x}]\n"},
            ],
            ["1.yaml:7:9  moved leads p0/x in a circle; a key can move only on"],
            id="a circle through two files",
        ),
        pytest.param(
            [
                {"add": "moved: [{from: old/x, to: x}]\n"},
                {"add": "moved: [{from: old/x, to: y}]\n"},
            ],
            ["1.yaml:7:9  old/x is already moved at 0.yaml:7:9"],
            id="moved to two places",
        ),
        pytest.param(
            [
                {"add": "moved: [{from: a, to: b}, {from: b, to: c}]\n"},
                {"add": "moved: [{from: p0/c, to: c}]\n"},
            ],
            [],
            id="a chain",
        ),
    ],
)
def test_policies_side_by_side(policies: list[Mapping[str, str]], told: list[str]) -> None:
    """What only shows when policies stand together is told at the later one."""
    assert together(*policies) == told


def test_places_of_policies_from_elsewhere_are_their_files() -> None:
    """A policy whose lines are not known is told by its file."""
    policy = replace(parse(SMALL), places={}, file="x.yaml")
    found = READER.check_together([policy, replace(policy, file="y.yaml")])
    assert found == [
        Problem(
            Place("y.yaml"),
            'the name "team-rooms" is taken by x.yaml; choose another for one of them',
        )
    ]
