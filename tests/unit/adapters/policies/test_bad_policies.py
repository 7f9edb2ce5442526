"""One mistake a file in tests/data/bad_policy, with the expected message beside it."""

from pathlib import Path

import pytest

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.reader import POLICY_MAX, PolicyReader
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.domain.directories import SecretUse

BAD = Path(__file__).parents[3] / "data" / "bad_policy"
READER = PolicyReader(
    SandboxedTemplates(),
    CronCalendar(),
    frozenset({"rooms-json", "hosts", "meetings"}),
    {"hr-token": SecretUse(frozenset({"hr.example.com"}))},
    open_to_all=frozenset({"rooms-json"}),
    calendars=frozenset({"meetings"}),
    archives=frozenset({"vault"}),
)


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_mistake_has_its_message(path: Path) -> None:
    """The problems are those expected, all of them, in the order of their places."""
    parsed = READER.parse(path.name, path.read_bytes())
    told = "".join(f"{problem}\n" for problem in parsed.problems)
    assert told == path.with_suffix(".expected").read_text()
    assert parsed.policy is None


def test_an_oversized_policy_is_refused_unread() -> None:
    """A file beyond the limit is told by its size."""
    parsed = READER.parse("big.yaml", b"#" * (POLICY_MAX + 1))
    assert [str(problem) for problem in parsed.problems] == [
        "big.yaml  holds 257 KiB; at most 256 KiB are read"
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("version: 1\nname: team-rooms\nroom: [", "team-rooms", id="cut off"),
        pytest.param("name: 'team-rooms'  # ours\nroom: {", "team-rooms", id="quoted"),
        pytest.param("name: a\nname: b\nroom: {", None, id="two names"),
        pytest.param("  name: inner\nroom: {", None, id="not at the top"),
        pytest.param("version: 1\nname: team-rooms\n", "team-rooms", id="incomplete"),
        pytest.param("version: 1\nname: Team\n", None, id="unlawful"),
    ],
)
def test_the_name_is_known_although_the_rest_is_broken(text: str, name: str | None) -> None:
    """Which policy keeps its last good text must be known of a broken file too."""
    parsed = READER.parse("a.yaml", text.encode())
    assert parsed.policy is None
    assert parsed.name == name
