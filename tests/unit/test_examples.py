"""The example policies and the example config fit each other and the language."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.policies.scanning import load
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.config import read_config
from orchestrator.domain.keys import key
from orchestrator.domain.marker import TEXT_MAX
from orchestrator.domain.paging import nameable
from orchestrator.domain.policies import ForEach, OnPage, Schedule
from orchestrator.domain.rooms import DISPLAY_NAME_MAX

ROOT = Path(__file__).parents[2]
CONTENTS = load(ROOT / "policies")
TEMPLATES = SandboxedTemplates()


def named_in_the_example() -> set[str]:
    """The sources that config.example.yaml shows, behind signs that are to be taken away."""
    text = (ROOT / "config.example.yaml").read_text()
    block = text.partition("\nsources: {}\n")[2].partition("\n\n")[0]
    return set(re.findall(r"(?m)^#   ([a-z-]+):$", block))


@pytest.mark.parametrize("name", sorted(CONTENTS.policies))
def test_an_example_loads_and_renders_for_every_subject(name: str) -> None:
    """It names no destination that a fresh config lacks, and no two subjects share a key."""
    settings = read_config(ROOT / "config.example.yaml").settings
    assert settings is not None
    reader = PolicyReader(
        TEMPLATES,
        CronCalendar(),
        frozenset(settings.destinations),
        sources=nameable(named_in_the_example()),
    )
    text = CONTENTS.policies[name]
    assert isinstance(text, bytes)
    parsed = reader.parse(name, text)
    assert parsed.problems == ()
    policy = parsed.policy
    assert policy is not None
    if isinstance(policy.made_for, Schedule | OnPage):
        assert reader.subjects(policy, CONTENTS.data).subjects == ()
        return  # its texts were tried out on an occurrence when it was parsed
    found = reader.subjects(policy, CONTENTS.data)
    assert found.problems == ()
    assert found.subjects is not None
    keys = set()
    for subject in found.subjects:
        fields = subject.fields
        made_for = policy.made_for
        assert isinstance(made_for, ForEach)
        values = {made_for.name: dict(fields) if isinstance(fields, Mapping) else fields}
        keys.add(key(policy.name, TEMPLATES.render_key(made_for.key, values)))
        assert 1 <= len(TEMPLATES.render(policy.room.display_name, values)) <= DISPLAY_NAME_MAX
        if policy.room.metadata is not None:
            assert len(TEMPLATES.render(policy.room.metadata, values)) <= TEXT_MAX
    assert len(keys) == len(found.subjects)


def test_the_examples_are_what_the_readme_says() -> None:
    """Forty teams, a dozen resources and a meeting; every data file is read by a policy."""
    assert set(CONTENTS.policies) == {
        "all-hands.yaml",
        "oncall-bridge.yaml",
        "team-rooms.yaml",
        "resource-rooms.yaml",
    }
    assert set(CONTENTS.data) == {"teams.yaml", "resources.csv"}
    assert set(CONTENTS.themes) == {"nordlicht.yaml", "white.png", "colored.png", "favicon.png"}
    teams = CONTENTS.data["teams.yaml"]
    assert isinstance(teams, bytes)
    assert teams.count(b"\n- ") == 40
