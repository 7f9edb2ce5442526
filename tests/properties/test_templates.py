"""Whatever stands between the braces: a text, or one problem; never anything else."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.adapters.templates.sandbox import TEXT_MAX
from orchestrator.domain.policies import Template, Tree
from orchestrator.foundation.problems import Place
from orchestrator.ports.templates import TemplateFault

TEMPLATES = SandboxedTemplates()

WORDS = (
    "team .slug .n .x .__class__ ['slug'] [0] [0:2] | upper lower replace('a','bb') join default "
    "slug truncate(3) int first length + - * / // % ** ~ == < in not and or if else is defined "
    "( ) [ ] { } , : 'a' 1 1.5 1e9 99999999999 true none {{ }} {% %} {# #} - for x"
)
words = st.sampled_from(WORDS.split())
soups = st.lists(words, max_size=25).map(" ".join)
sources = st.one_of(
    soups.map(lambda soup: f"{{{{ {soup} }}}}"), soups, st.text(max_size=60), st.just("{{ team }}")
)
scalars = st.one_of(st.none(), st.booleans(), st.text(max_size=20), st.integers(), st.floats())
subjects = st.one_of(
    scalars,
    st.dictionaries(
        st.sampled_from(["slug", "n", "x", "items"]),
        st.one_of(scalars, st.lists(scalars, max_size=3)),
    ),
)


@given(sources, subjects)
def test_rendering_ends_in_text_or_a_fault(source: str, subject: dict[str, Tree] | str) -> None:
    """Bounded, and with nothing foreign raised."""
    template = Template(source, Place("p.yaml", 3, 5))
    for render in (TEMPLATES.render, TEMPLATES.render_key):
        try:
            text = render(template, {"team": subject})
        except TemplateFault:
            continue
        assert len(text) <= TEXT_MAX


@given(sources)
def test_checking_ends_in_a_problem_or_none(source: str) -> None:
    """And what the check refuses outright does not render either."""
    template = Template(source, Place("p.yaml", 3, 5))
    problem = TEMPLATES.check(template, {"team": None})
    assert problem is None or problem.message.startswith("template: ")


@given(st.text(max_size=50))
def test_a_field_comes_out_as_it_is(value: str) -> None:
    """No escaping, no trimming."""
    template = Template("{{ team.slug }}", Place("p.yaml"))
    assert TEMPLATES.render(template, {"team": {"slug": value}}) == value
