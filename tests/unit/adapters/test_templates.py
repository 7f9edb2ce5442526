"""Templates: what they make, what they are refused, and how little they can do."""

import time
from collections.abc import Mapping

import pytest

from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.adapters.templates.sandbox import SOURCE_MAX, TEXT_MAX
from orchestrator.domain.policies import Template, Tree
from orchestrator.foundation.problems import Place
from orchestrator.ports.templates import TemplateFault

TEMPLATES = SandboxedTemplates()
TEAM: dict[str, Tree] = {
    "slug": "checkout",
    "name": "Zahlung & Überblick",
    "items": "a field",
    "keys": "another",
    "number": "007",
    "nothing": None,
    "yes": True,
    "people": ["Ada", "Bob"],
    "at": {"city": "Berlin"},
    "long": "x" * (TEXT_MAX + 1),
}
VALUES: Mapping[str, Tree] = {"team": TEAM, "word": "plain"}
NAMES: Mapping[str, frozenset[str] | None] = {"team": frozenset(TEAM), "word": None}


def template(source: str) -> Template:
    """A template that stands at a known place."""
    return Template(source, Place("p.yaml", 9, 12))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ team.slug }} room", "checkout room"),
        ("{{ word }}", "plain"),
        ("{{ team.items }} {{ team.keys }}", "a field another"),
        ("{{ team['slug'] }}{{ team.at.city }}{{ team.people[-1] }}", "checkoutBerlinBob"),
        ("{{ team.name | slug }}", "zahlung-uberblick"),
        ("{{ team.name | upper }}", "ZAHLUNG & ÜBERBLICK"),
        ("{{ 'AbC' | lower }}{{ 'abc def' | title }}{{ 'abc' | capitalize }}", "abcAbc DefAbc"),
        ("{{ '  x ' | trim }}", "x"),
        ("{{ team.name | replace('Zahlung', 'Pay') }}", "Pay & Überblick"),
        ("{{ team.name | truncate(8) }}", "Zahlung…"),
        ("{{ word | truncate(80) }}", "plain"),
        ("{{ 'abcdef' | truncate(4, end='..') }}", "ab.."),
        ("{{ team.nick | default(team.slug) }}", "checkout"),
        ("{{ team.nothing | d('none') }}{{ '' | default('empty', true) }}", "noneempty"),
        ("{{ '' | default('empty') }}", ""),
        ("{{ team.people | join(', ') }}{{ word | join }}", "Ada, Bobplain"),
        ("{{ team.people | first }}{{ team.people | last }}", "AdaBob"),
        ("{{ team.people | length }}{{ word | length }}{{ 123 | length }}", "253"),
        ("{{ team.number | int + 1 }}", "8"),
        ("{{ '2026-11-06T09:05+01:00' | date }}", "6 Nov 2026"),
        ("{{ '2026-11-06' | date }}{{ ' 2026-12-31T23:59' | date }}", "6 Nov 202631 Dec 2026"),
        ("{{ '2026-11-06T09:05+01:00' | time }}", "09:05"),
        ("{{ 7 // 2 * 3 - 1 }}{{ 7 % 4 }}{{ -1 }}{{ 3 / 2 }}{{ +1 }}", "83-11.51"),
        ("{{ 'a' + 'b' ~ 1 }}", "ab1"),
        ("{{ 'big' if team.people | length > 1 else 'small' }}", "big"),
        ("{{ 'y' if team.nick is defined else 'n' }}", "n"),
        ("{{ 'y' if 'slug' in team and not team.nothing else 'n' }}", "y"),
        ("{{ team.yes }}", "true"),
        ("{{ not team.yes }}", "false"),
        ("{{ team.name[0:3] }}", "Zah"),
        ("{# a note #}x", "x"),
        ("two\nlines\n", "two\nlines\n"),
        ("<b>{{ '<i>' }}</b>", "<b><i></b>"),
    ],
)
def test_what_templates_make(source: str, text: str) -> None:
    """Lawful by the check, and rendered."""
    assert TEMPLATES.check(template(source), NAMES) is None
    assert TEMPLATES.render(template(source), VALUES) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ tem.slug }}", '"tem" is not known here; did you mean "team"?'),
        ("{{ other }}", '"other" is not known here; there is team, word'),
        ("{{ self }}", '"self" is not known here; there is team, word'),
        ("{{ range }}", '"range" is not known here; there is team, word'),
        ("{{ team.slg }}", 'team has no field "slg"; did you mean "slug"?'),
        ("{{ team['slg'] }}", 'team has no field "slg"; did you mean "slug"?'),
        ("{{ team.slug ", "unexpected end of template, expected 'end of print statement'"),
        ("{{ team.slug | uper }}", 'unknown filter "uper"; did you mean "upper"?'),
        ("{{ word is odd }}", 'unknown test "odd"; there are boolean, defined, none, number, '),
        ("{% if word %}x{% endif %}", "only {{ … }} with expressions and filters is read"),
        ("{% for x in word %}{% endfor %}", "only {{ … }} with expressions and filters is read"),
        ("{% set x = 1 %}", "only {{ … }} with expressions and filters is read"),
        ("{% include 'x' %}", "only {{ … }} with expressions and filters is read"),
        ("{% macro x() %}{% endmacro %}", "only {{ … }} with expressions and filters is read"),
        ("{{ word.upper() }}", 'calls are not read; use a filter, as in "{{ x | upper }}"'),
        ("{{ range(9) }}", "calls are not read"),
        ("{{ 2 ** 9 }}", "** is not read"),
        ("{{ 1e400 }}", "names too large a number"),
        (f"{{{{ {'(' * 600}1{')' * 600} }}}}", "is more than can be read; write it shorter"),
        (f"{{{{ 1{'+1' * 60} }}}}", "is nested deeper than 40 levels"),
        ("x" * (SOURCE_MAX + 1), f"is longer than {SOURCE_MAX} characters"),
    ],
)
def test_what_is_refused_at_load(source: str, problem: str) -> None:
    """Before any subject is known, with what to write instead."""
    found = TEMPLATES.check(template(source), NAMES)
    assert found is not None
    assert found.place == Place("p.yaml", 9, 12)
    assert found.message.startswith(f"template: {problem}")


def test_a_problem_on_a_later_line_names_that_line() -> None:
    """Counted from the template's own first line."""
    found = TEMPLATES.check(template("one\n{{ tem }}\n"), NAMES)
    assert found is not None
    assert found.place == Place("p.yaml", 10)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ tem }}", "'tem' is undefined"),
        ("{{ team.slg }}", 'there is no field "slg"; did you mean "slug"?'),
        ("{{ team.slg.x }}", 'there is no field "slg"; did you mean "slug"?'),
        ("{{ team.slg | upper }}", 'there is no field "slg"; did you mean "slug"?'),
        ("{{ team.people[7] }}", "there is no member 7"),
        ("{{ word.upper }}", '"upper" is asked of a value that has no fields'),
        ("{{ ''.__class__ }}", '"__class__" is asked of a value that has no fields'),
        ("{{ team.nothing }}", "a value is empty (null)"),
        ("{{ team.people }}", "a value is a list or mapping, not a text"),
        ("{{ team.at }}", "a value is a list or mapping, not a text"),
        ("{{ self }}", "a value is a list or mapping, not a text"),
        ("{{ range }}", "'range' is undefined"),
        ("{{ 1 / 0 }}", "cannot be worked out (ZeroDivisionError)"),
        ("{{ word < 5 }}", "cannot be worked out (TypeError)"),
        ("{{ word * 3 }}", '"*" takes numbers'),
        ("{{ [1] * 3 }}", '"*" takes numbers'),
        ("{{ '%99999999d' % 1 }}", '"%" takes numbers'),
        ("{{ word + 1 }}", '"+" takes numbers or two texts'),
        ("{{ team.yes + 1 }}", '"+" takes numbers or two texts'),
        ("{{ -word }}", '"-" takes a number'),
        ("{{ 999999999999 * 999999999999 * 999999999999 }}", "makes too large a number"),
        ("{{ team.long }}", "makes a text of more than 10000 characters"),
        ("{{ word | first | truncate(0) }}", "truncate takes a whole number of characters"),
        ("{{ word | date }}", "date takes a moment such as 2026-11-26T15:00"),
        ("{{ 2026 | time }}", "time takes a moment such as 2026-11-26T15:00"),
        ("{{ '2026-02-30' | date }}", "date takes a moment such as 2026-11-26T15:00"),
        ("{{ word | truncate('x') }}", "truncate takes a whole number of characters"),
        ("{{ team.at | first }}", "first and last take a text or list that is not empty"),
        ("{{ '' | first }}", "first and last take a text or list that is not empty"),
        ("{{ word | int }}", "int takes a whole number"),
        ("{{ team.nothing | upper }}", "a value is empty (null)"),
        ("{{ word ** 2 }}", "** is not read"),
    ],
)
def test_what_fails_for_one_subject(source: str, problem: str) -> None:
    """The fault has the place, and names no value."""
    with pytest.raises(TemplateFault) as fault:
        TEMPLATES.render(template(source), VALUES)
    assert fault.value.problem.place == Place("p.yaml", 9, 12)
    assert fault.value.problem.message == f"template: {problem}"
    assert "plain" not in str(fault.value)
    if "worked out" in problem:  # Python's own message may quote a value
        assert fault.value.__cause__ is None
        assert fault.value.__suppress_context__


GROWTH = "{{ 'aaaaaaaaaa'" + " | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')" * 30 + " }}"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(GROWTH, id="replace upon replace"),
        pytest.param("{{ team.medium | replace('x', team.medium) | length }}", id="replace"),
        pytest.param("{{ team.medium }}" * 3, id="output"),
        pytest.param("{{ team.medium + team.medium + team.medium }}", id="plus"),
        pytest.param("{{ [team.medium, team.medium, team.medium] | join }}", id="join"),
    ],
)
def test_no_template_makes_too_much(source: str) -> None:
    """Work and output are bounded before the work is done."""
    begun = time.perf_counter()
    with pytest.raises(TemplateFault, match="makes a text of more than 10000 characters"):
        TEMPLATES.render(template(source), {"team": {"medium": "x" * 4_000}})
    assert time.perf_counter() - begun < 2


def test_a_long_value_by_itself_is_refused() -> None:
    """Also where the subject is no mapping."""
    with pytest.raises(TemplateFault, match="more than 10000"):
        TEMPLATES.render(template("{{ word | length }}"), {"word": "x" * 10_001})


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("{{ team.slug }}", "checkout"),
        ("{{ team.number }}", "007"),
        ("{{ team.people | length }}", "2"),
        ("{{ team.slug }}-{{ 7 }}", "checkout-7"),
    ],
)
def test_keys_are_made_of_text_and_whole_numbers(source: str, key: str) -> None:
    """They stay what they are in every language."""
    assert TEMPLATES.render_key(template(source), VALUES) == key


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ team.yes }}", "a value is true or false; a key is made of text and whole numbers"),
        ("{{ 1.5 }}", "a value is a number with a fraction; a key is made of text and whole numb"),
        ("{{ team.nothing }}", "a value is empty (null); a key is made of text and whole numbers"),
        ("{{ team.at }}", "a value is a list or mapping; a key is made of text and whole numbers"),
        ("{{ team.slg }}", 'there is no field "slg"'),
    ],
)
def test_keys_are_made_of_nothing_else(source: str, problem: str) -> None:
    """What would look different tomorrow is no identity."""
    with pytest.raises(TemplateFault) as fault:
        TEMPLATES.render_key(template(source), VALUES)
    assert fault.value.problem.message.startswith(f"template: {problem}")


def test_known_fields_may_be_none_at_all() -> None:
    """A subject that is a text has no fields."""
    found = TEMPLATES.check(template("{{ team.slug }}"), {"team": frozenset()})
    assert found is not None
    assert found.message == 'template: team has no field "slug"; it has no fields'
    listed = TEMPLATES.check(template("{{ team.zzz }}"), {"team": frozenset({"a", "b"})})
    assert listed is not None
    assert listed.message == 'template: team has no field "zzz"; there is a, b'


def test_fields_that_only_data_will_tell_are_not_judged() -> None:
    """Nor those of inner values."""
    assert TEMPLATES.check(template("{{ word.anything }}{{ team.at.x }}"), NAMES) is None
