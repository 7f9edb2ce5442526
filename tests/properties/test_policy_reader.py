"""Whatever the file: a policy, or problems; never both, and never anything else."""

from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.models import PolicyForm
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.config.models import ConfigForm
from orchestrator.config.reader import understand
from orchestrator.foundation.forms import Form

READER = PolicyReader(SandboxedTemplates(), CronCalendar(), frozenset({"rooms-json"}))
DATA = Path(__file__).parents[1] / "data"
GOOD = b"""\
version: 1
name: team-rooms
for_each:
  items: [{slug: checkout, name: Checkout}]
  as: team
  key: "{{ team.slug }}"
room:
  type: long_term
  display_name: "{{ team.name }} room"
  lifetime: 365d
renewal: {before: 60d, window: {cron: "0 6 * * *", timezone: Europe/Berlin, duration: 4h}}
removal: {mode: delete, grace: 7d}
deliver: [{to: rooms-json}]
moved: [{from: a, to: b}]
"""


def names_of(form: type[Form]) -> set[str]:
    """Some keys of the language, in no order."""
    schema = form.model_json_schema()
    inner = schema["$defs"].values()
    return set(schema["properties"]).union(*(part["properties"] for part in inner))


def documents(form: type[Form]) -> st.SearchStrategy[bytes]:
    """YAML made of a form's own words in the wrong places."""
    words = st.sampled_from(sorted(names_of(form) | form.not_yet))
    scalars = st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
        st.sampled_from(["365d", "long_term", "{{ team.slug }}", "now", "enforce", "0 6 * * MON"]),
    )
    trees = st.recursive(
        scalars,
        lambda part: st.one_of(
            st.lists(part, max_size=3), st.dictionaries(words, part, max_size=6)
        ),
        max_leaves=20,
    )
    top = st.dictionaries(words, trees, max_size=10)
    return top.map(lambda tree: yaml.safe_dump(tree, allow_unicode=True).encode())


corpus = st.sampled_from(
    [GOOD, *(path.read_bytes() for path in sorted((DATA / "bad_policy").glob("*.yaml")))]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A policy with a few bytes changed, cut out or put in."""
    raw = bytearray(draw(corpus))
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        at = draw(st.integers(min_value=0, max_value=len(raw)))
        end = at + draw(st.integers(min_value=0, max_value=6))
        raw[at:end] = draw(st.binary(max_size=4))
    return bytes(raw)


@given(st.one_of(damaged(), documents(PolicyForm), st.binary(max_size=80)))
def test_no_file_breaks_the_reader(raw: bytes) -> None:
    """It is a policy or has problems, not both and not neither."""
    parsed = READER.parse("a.yaml", raw)
    assert (parsed.policy is None) == bool(parsed.problems)
    assert all(problem.place.file == "a.yaml" for problem in parsed.problems)
    assert len(set(parsed.problems)) == len(parsed.problems)
    if parsed.policy is not None:
        READER.subjects(parsed.policy, {})
        assert READER.check_together([parsed.policy]) == []


@given(st.integers(min_value=0, max_value=len(GOOD)))
def test_a_policy_cut_off_keeps_its_name(cut: int) -> None:
    """Half a file is no other policy, and which policy it is stays known."""
    parsed = READER.parse("a.yaml", GOOD[:cut])
    if b"name: team-rooms\n" in GOOD[:cut]:
        assert parsed.name == "team-rooms"
    if parsed.policy is not None:
        assert parsed.policy.room.lifetime is not None


@given(st.sampled_from(["version", "name", "for_each", "room"]), st.text("abc: ", max_size=5))
def test_every_mistake_is_told_beside_another(broken: str, text: str) -> None:
    """Breaking one part never hides an unknown key in another."""
    tree = yaml.safe_load(GOOD)
    tree[broken] = [text]
    tree["removal"]["mood"] = "keep"
    parsed = READER.parse("a.yaml", yaml.safe_dump(tree, allow_unicode=True).encode())
    told = [problem.message for problem in parsed.problems]
    assert 'unknown key "mood" in removal; did you mean "mode"?' in told
    assert len(told) >= 2


@given(
    st.one_of(
        documents(ConfigForm),
        st.binary(max_size=80),
        st.sampled_from([path.read_bytes() for path in (DATA / "bad_config").glob("*.yaml")]),
    ),
    st.integers(min_value=0, max_value=200),
)
def test_no_file_breaks_the_config_reader(raw: bytes, cut: int) -> None:
    """Settings or problems."""
    for text in (raw, raw[:cut]):
        found = understand(Path("/srv/config.yaml"), text)
        assert (found.settings is None) == bool(found.problems)
