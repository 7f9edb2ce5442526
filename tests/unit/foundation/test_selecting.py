"""`select`: what it makes of an answer, and what it refuses."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.policies import Tree
from orchestrator.foundation import selecting
from orchestrator.foundation.documents import read_json
from orchestrator.foundation.selecting import SelectError, compile_select, numeral

ANSWER = (
    b'{"teams": [{"slug": "a", "n": 007, "m": 1.50, "e": 1e3, "on": true, "lead": {"name": "Anna"}}'
    b', {"slug": "b", "n": 12, "m": 2, "e": 3, "on": false, "lead": null}],'
    b' "big": 9007199254740993, "long": 1234567890123456789012345678901234567890, "odd": 1-2}'
)


def read(raw: bytes = ANSWER) -> Tree:
    document = read_json("x", raw, limit=100_000, as_written=True, numeral=numeral)
    assert document.problems == ()
    return document.tree


@pytest.mark.parametrize(
    ("expression", "made"),
    [
        ("teams[*].slug", ["a", "b"]),
        ("teams[*].n", ["007", "12"]),
        ("teams[*].[m, e]", [["1.50", "1e3"], ["2", "3"]]),
        ("teams[?n > `7`].slug", ["b"]),
        ("teams[?n == `7`].slug", ["a"]),
        ("teams[?m == `1.5`].m", ["1.50"]),
        ("teams[?on].{slug: slug, lead: lead.name}", [{"slug": "a", "lead": "Anna"}]),
        ("sort_by(teams, &m)[*].slug", ["a", "b"]),
        ("max_by(teams, &n).n", "12"),
        ("length(teams)", "2"),
        ("sum(teams[*].n)", "19"),
        (
            "[big, long, odd]",
            ["9007199254740993", "1234567890123456789012345678901234567890", "1-2"],
        ),
        ("nothing", None),
        ("teams[0].on", True),
    ],
)
def test_numbers_compare_as_numbers_and_stay_as_they_are_written(
    expression: str, made: Tree
) -> None:
    """What is passed on is text in the answer's own spelling."""
    assert compile_select(expression).of(read()) == made


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", 'is empty; write "@" for the whole answer'),
        ("teams[", "is no JMESPath: it ends too early"),
        ("teams[?on", "is no JMESPath: it ends too early"),
        ("teams..slug", 'is no JMESPath from its character 7 on, at ".slug"'),
        ("teams slug", 'is no JMESPath from its character 7 on, at "slug"'),
        ("'teams", 'is no JMESPath from its character 1 on, at "\'teams"'),
        ("teams[?a=b]", 'is no JMESPath from its character 9 on, at "=b]"'),
        (
            "teams[?slug == `a`]",
            "has a literal in backticks that is no JSON, at character 16; write text as 'text'",
        ),
        ("``", "has a literal in backticks that is no JSON, at character 1; write text as 'text'"),
        ("lenght(@)", 'uses "lenght()", which JMESPath does not have; did you mean "length"?'),
        ("teams[?frobnicate(@)]", 'uses "frobnicate()", which JMESPath does not have'),
        ("length(@, @)", "gives length() 2 values; it takes 1"),
        ("merge()", "gives merge() 0 values; it takes 1"),
        ("a" * 1_001, "has 1001 characters; at most 1000 are read"),
        (
            "|".join(["[@,@,@]"] * 5),
            "could make 243 times as much of an answer as there is",
        ),
        ("(" * 80 + "a" + ")" * 80, None),
        ("!" * 80 + "a", "is nested deeper than 40 levels"),
        ("(" * 900, "is nested too deep"),
        ("[" * 900 + "]" * 50, "is nested too deep"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_read(
    expression: str, message: str | None
) -> None:
    """With the character where it goes wrong."""
    if message is None:
        compile_select(expression)
        return
    with pytest.raises(SelectError) as caught:
        compile_select(expression)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("sum(teams)", "sum() is given a value of the type object"),
        ("length(big)", "length() is given a value of the type number"),
        ("teams[?slug > `7`]", "cannot be worked out for this answer"),
        ("&slug", "makes something that is no value"),
        ("sort(teams[*].[slug])", "sort() is given a value of the type array"),
    ],
)
def test_what_does_not_fit_an_answer_quotes_nothing_of_it(expression: str, message: str) -> None:
    """The types are told, the values never."""
    with pytest.raises(SelectError) as caught:
        compile_select(expression).of(read())
    assert str(caught.value) == message


def test_it_makes_no_more_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little it was made of."""
    monkeypatch.setattr(selecting, "VALUES_MAX", 5)
    with pytest.raises(SelectError, match="makes too much of this answer"):
        compile_select("[@,@]").of(read(b'["a", "b"]'))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abc1.é"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=4),
    max_leaves=20,
)


def _as_text(tree: Tree) -> Tree:
    match tree:
        case bool() | None | str():
            return tree
        case int() | float():
            return json.dumps(tree)
        case list():
            return [_as_text(one) for one in tree]
        case dict():
            return {name: _as_text(one) for name, one in tree.items()}


@given(JSON)
def test_the_whole_answer_is_the_answer(tree: Tree) -> None:
    """`@` changes nothing but numbers into their spelling, as a data file has them."""
    raw = json.dumps(tree).encode()
    plain = read_json("x", raw, limit=100_000, as_written=True).tree
    assert compile_select("@").of(read(raw)) == plain == _as_text(tree)


@given(st.text(alphabet="abt.[]*?&|`'\"{}(),:@<>=!- 12\\", max_size=30))
def test_no_text_does_harm(expression: str) -> None:
    """Whatever somebody writes: it is refused with words, or works or not with words."""
    with contextlib.suppress(SelectError):
        compile_select(expression).of(read())
