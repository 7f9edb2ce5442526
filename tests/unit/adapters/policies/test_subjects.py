"""Subjects from data files: what is read, and what makes them unknown."""

from collections.abc import Mapping

import pytest

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.policies.subjects import DATA_MAX
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.domain.policies import Policy
from orchestrator.foundation.problems import Place, Problem

READER = PolicyReader(SandboxedTemplates(), CronCalendar())


def policy(source: str, more: str = "") -> Policy:
    """A policy with one source of subjects."""
    text = (
        f"version: 1\nname: p\nfor_each:\n  {source}\n  key: '{{{{ item.code }}}}'\n{more}"
        "room: {type: long_term, display_name: x, lifetime: 30d}\n"
    )
    parsed = READER.parse("p.yaml", text.encode())
    assert parsed.policy is not None, parsed.problems
    return parsed.policy


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("t.yaml", "- {code: 007, name: 1.50, on: yes}\n", id="yaml"),
        pytest.param("t.yml", "- code: 007\n  name: 1.50\n  on: yes\n", id="yml"),
        pytest.param("t.json", '[{"code": 007, "name": 1.50, "on": "yes"}]', id="json"),
        pytest.param("t.csv", "code,name,on\n007,1.50,yes\n", id="csv"),
        pytest.param("deep/t.csv", "code, name ,on\n007,1.50,yes\n", id="csv in a folder"),
    ],
)
def test_scalars_are_taken_as_they_are_written(name: str, text: str) -> None:
    """``007`` stays ``007`` in every format."""
    found = READER.subjects(policy(f"file: {name}"), {name: text.encode()})
    assert found.problems == ()
    assert found.subjects is not None
    assert [subject.fields for subject in found.subjects] == [
        {"code": "007", "name": "1.50", "on": "yes"}
    ]
    assert found.subjects[0].place.file == f"data/{name}"


def test_true_false_and_null_stay_values() -> None:
    """Only these are no text; quoted they are."""
    found = READER.subjects(
        policy("file: t.yaml"), {"t.yaml": b"- {a: true, b: null, c: 'true', d: [1, {e: ~}]}\n"}
    )
    assert found.subjects is not None
    fields = {"a": True, "b": None, "c": "true", "d": ["1", {"e": None}]}
    assert found.subjects[0].fields == fields


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        pytest.param(
            "team.yaml",
            {"teams.yaml": b"[]"},
            "p.yaml:4:9  data/team.yaml does not exist; data/teams.yaml does",
            id="nearly",
        ),
        pytest.param(
            "team.yaml",
            {"x.csv": b"", "a.csv": b""},
            "p.yaml:4:9  data/team.yaml does not exist; data/ holds a.csv, x.csv",
            id="nothing near",
        ),
        pytest.param(
            "team.yaml",
            {},
            "p.yaml:4:9  data/team.yaml does not exist; the folder is empty",
            id="nothing at all",
        ),
        pytest.param(
            "data/teams.yaml",
            {"teams.yaml": b"[]"},
            "p.yaml:4:9  data/data/teams.yaml does not exist; names begin below data/: write "
            "teams.yaml",
            id="one data too many",
        ),
        pytest.param(
            "t.yaml",
            {"t.yaml": Problem(Place("data/t.yaml"), "cannot be read: Permission denied")},
            "data/t.yaml  cannot be read: Permission denied",
            id="unreadable",
        ),
        pytest.param("t.yaml", {"t.yaml": b""}, "data/t.yaml  is empty", id="empty"),
        pytest.param(
            "t.yaml",
            {"t.yaml": b"teams: []\n"},
            "data/t.yaml:1:1  must be a list of subjects, each a line with -",
            id="no list",
        ),
        pytest.param(
            "t.yaml",
            {"t.yaml": b"- {code: secret}\n- [secret]\n"},
            "data/t.yaml:2:3  a subject must be a text or a mapping of fields",
            id="a list in the list",
        ),
        pytest.param(
            "t.yaml",
            {"t.yaml": b"- {code: secret, code: secret}\n"},
            'data/t.yaml:1:18  "code" stands twice here, first on line 1',
            id="a key twice",
        ),
        pytest.param(
            "t.csv",
            {"t.csv": b"code,name\nsecret\n"},
            "data/t.csv:2  this row has 1 fields, the header has 2",
            id="a ragged row",
        ),
        pytest.param(
            "t.json",
            {"t.json": b'[{"code": "secret"},'},
            "data/t.json:1:21  is not JSON: a value belongs here",
            id="half written",
        ),
        pytest.param(
            "t.csv",
            {"t.csv": b"x" * (DATA_MAX + 1)},
            "data/t.csv  holds 16385 KiB; at most 16384 KiB are read",
            id="oversized",
        ),
    ],
)
def test_what_cannot_be_read_is_unknown_and_not_empty(
    name: str, data: Mapping[str, bytes | Problem], told: str
) -> None:
    """One problem, with its place and without a value."""
    found = READER.subjects(policy(f"file: {name}"), data)
    assert found.subjects is None
    assert [str(problem) for problem in found.problems] == [told]
    assert "secret" not in told


def test_an_empty_list_is_lawfully_empty() -> None:
    """Unless `min_items` says otherwise, no subjects are no subjects."""
    assert READER.subjects(policy("file: t.yaml"), {"t.yaml": b"[]"}).subjects == ()
    assert READER.subjects(policy("items: []"), {}).subjects == ()


def test_fewer_subjects_than_min_items_are_unknown() -> None:
    """A file that lost most of its lines does not remove the rooms of the others."""
    wanted = policy("file: t.yaml", "  min_items: 2\n")
    found = READER.subjects(wanted, {"t.yaml": b"- {code: a}\n"})
    assert found.subjects is None
    assert str(found.problems[0]) == (
        "p.yaml:6:14  min_items is 2 and there are only 1 subjects; nothing is changed until "
        "there are more, or min_items is less"
    )
    assert READER.subjects(wanted, {"t.yaml": b"- {code: a}\n- b\n"}).subjects is not None


@pytest.mark.parametrize(
    ("name", "text", "whole"),
    [
        ("t.yaml", "- slug: a\n  name: Team [EU]", False),
        ("t.yaml", "- slug: a\n  name: Team {EU}", False),
        ("t.yaml", "- {slug: a}\n- slug: b\n  tags: [x, y]", False),
        ("t.yaml", "- slug: a\n  subs:\n    - {x: y}", False),
        ("t.yaml", '- {slug: a, name: "Team [EU]"}', True),
        ("t.yaml", "# ours\n---\n- slug: b\n- {slug: a,\n   name: A}  ", True),
        ("t.yaml", "[{slug: a},\n {slug: b}\n]", True),
        ("t.yaml", "- a\n- b", False),
        ("t.yaml", "- a\n- b\n", True),
        ("t.json", '["a", "b"]', True),
        ("t.csv", "slug,name\na,[A]", False),
        ("t.csv", "slug,name\r\na,A\r\n", True),
    ],
)
def test_p04_a_last_row_is_whole_or_the_file_is_not_believed(
    name: str, text: str, whole: bool
) -> None:
    """By a line break, or by the bracket that the row began with; and it is named as it is read."""
    found = READER.subjects(policy(f"file: {name}"), {name: text.encode()})
    assert (found.subjects is not None) is whole
    told = [f"{problem.place.file}:{problem.place.line}" for problem in found.problems]
    assert told == ([] if whole else [f"data/{name}:{text.count(chr(10)) + 1}"])
