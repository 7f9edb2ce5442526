"""Exit codes and JSON, as scripts meet them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.system.installation import Installation, policy

# Three files with several mistakes each.
MISTAKEN: Final = {
    "a.yaml": policy("a", ["x"])
    .replace("lifetime:", "lifetme:")
    .replace("replace: now", "replace: soon"),
    "b.yaml": policy("B-upper", ["x"], lifetime="5m"),
    "c.yaml": (
        "version: 1\nname: c\nfor_each: {items: [{slug: x}], as: team}\n"
        "room: {type: long_term, display_name: C}\nname: d\n"
    ),
}
PLACES: Final = {
    "a.yaml:4:60": 'unknown key "lifetme" in room; did you mean "lifetime"?',
    "a.yaml:5:10": "replace must be never, when_unused or now",
    "b.yaml:2:7": 'write "b-upper"',
    "b.yaml:4:76": "lifetime 5m: the API wants more than 10m",
    "c.yaml:3:1": '"key" is missing in for_each',
    "c.yaml:4:1": '"lifetime" is missing in room',
    "c.yaml:5:1": '"name" stands twice here, first on line 2',
}


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation of one test's own; no daemon runs."""
    return Installation.made(tmp_path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A daemon at rest, with two rooms."""
    installation = Installation.made(tmp_path_factory.mktemp("running"))
    installation.put("teams.yaml", policy("teams", ["a", "b"]))
    with installation.daemon():
        installation.a_fact("room.created", count=2)
        installation.until(lambda: len(installation.links()) == 2, "both rooms are delivered")
        yield installation


def test_plan_says_by_its_code_what_is_to_do(own: Installation) -> None:
    """3 with changes pending, 0 when there are none, 2 with every problem of every file."""
    own.put("teams.yaml", policy("teams", ["a", "b"]))
    assert own.apart("plan").code == 3
    assert own.apart("apply").code == 0
    assert own.ask("plan").code == 0
    for name, text in MISTAKEN.items():
        own.put(name, text)
    refused = own.apart("plan")
    assert refused.code == 2
    told = dict(line.split("  ", 1) for line in refused.out.splitlines() if ".yaml:" in line)
    assert list(told) == list(PLACES)
    for place, sentence in PLACES.items():
        assert sentence in told[place]


def test_validate_tells_every_problem_of_every_file(own: Installation) -> None:
    """Offline, as plan does; and problems of the config as well."""
    own.put("teams.yaml", policy("teams", ["a", "b"]))
    good = own.ask("validate")
    assert (good.code, "1 policy, 2 rooms wanted" in good.out) == (0, True)
    for name, text in MISTAKEN.items():
        own.put(name, text)
    found = own.ask("validate")
    assert found.code == 2
    for place, sentence in PLACES.items():
        assert any(
            line.startswith(f"policies/{place} ") and sentence in line
            for line in found.out.splitlines()
        )
    own.configure("mode: enforce", "mode: enforced")
    own.configure("max_removals: 1000", "max_removal: 1000")
    lines = own.config.read_text().splitlines()
    refused = own.ask("validate")
    assert refused.code == 2
    assert [line.split()[0] for line in refused.out.splitlines() if "config.yaml:" in line] == [
        f"config.yaml:{lines.index('mode: enforced') + 1}:7",
        f"config.yaml:{lines.index('  max_removal: 1000') + 1}:3",
    ]
    # Any command tells the same of a config that it cannot use.
    assert own.ask("plan").code == 2


def test_a_brake_is_exit_4_of_apply_and_3_of_plan(own: Installation) -> None:
    """Five links would change and three may: none does until a person approves."""
    own.configure("max_removals: 1000", "max_removals: 3")
    names = ["a", "b", "c", "d", "e"]
    own.put("teams.yaml", policy("teams", names))
    assert own.apart("apply").code == 0
    rows = own.table()
    own.put("teams.yaml", policy("teams", names, display_name="Another {{ team.slug }}"))
    planned = own.ask("plan", "--json")
    assert planned.code == 3
    assert {line["held_by"] for line in planned.json["held"]} == {"brake"}
    applied = own.apart("apply", "--json")
    assert applied.code == 4
    assert json.loads(applied.out)["calls"] == 0
    assert own.table() == rows


def test_a_failure_is_exit_1_and_one_sentence(own: Installation) -> None:
    """Nothing else on standard error, no traceback; as JSON one document with the code."""
    own.folder.joinpath("state").write_text("a file in the way")
    failed = own.apart("plan")
    assert failed.code == 1
    assert failed.err.startswith("room-orchestrator: ")
    assert failed.err.count("\n") == 1
    assert json.loads(own.ask("plan", "--json").err)["exit"] == 1


@pytest.mark.parametrize(
    ("words", "field"),
    [
        pytest.param(["status"], "needs_you", id="status"),
        pytest.param(["plan"], "lines", id="plan"),
        pytest.param(["apply"], "left", id="apply"),
        pytest.param(["validate"], "problems", id="validate"),
        pytest.param(["rooms", "list"], "rooms", id="rooms list"),
        pytest.param(["rooms", "list", "--foreign"], "foreign", id="rooms list --foreign"),
        pytest.param(["rooms", "show", "teams/a"], "fields", id="rooms show"),
        pytest.param(["rooms", "why", "teams/a"], "history", id="rooms why"),
        pytest.param(["audit", "show", "1"], "fact", id="audit show"),
        pytest.param(["audit", "verify"], "whole", id="audit verify"),
    ],
)
def test_json_is_one_document(running: Installation, words: list[str], field: str) -> None:
    """And nothing but that, on standard output and on standard error."""
    said = running.ask(*words, "--json")
    assert (said.code, said.err) == (0, "")
    assert field in said.json


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["audit", "search", "teams"], id="audit search"),
        pytest.param(["audit", "search", "--event", "room.created"], id="audit search --event"),
        pytest.param(["audit", "tail", "-n", "5"], id="audit tail"),
    ],
)
def test_json_of_facts_is_one_document_a_line(running: Installation, words: list[str]) -> None:
    """So that a program can read them as they come."""
    said = running.ask(*words, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.lines
    assert all(fact["event"] for fact in said.lines)


def test_plan_out_is_what_json_prints(running: Installation) -> None:
    """The file is for `apply --plan` and for programs."""
    said = running.ask("plan", "--json", "--out", "plan.json")
    written = json.loads((running.folder / "plan.json").read_text())
    assert written == said.json
