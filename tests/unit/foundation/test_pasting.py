"""Pasting: what is printed to be pasted is read back as the one word, or the one value, it was."""

from __future__ import annotations

import shlex

import pytest

from orchestrator.foundation.documents import read_yaml
from orchestrator.foundation.pasting import shell_word, yaml_scalar

ODD = (
    *("a; touch x", "a$(id)", "a`id`", "Payments & Billing", "it's", 'a"b', "a|b>c", "a\\b", "!x"),
    *("a     ;curl x|sh", "not?  x", "#x", "a, b", "Büro", "*", "~"),
)


@pytest.mark.parametrize("text", ODD)
def test_an_odd_text_is_one_word_of_a_shell(text: str) -> None:
    """Also where pages fold blanks, and plans part two commands by a run of them."""
    written = shell_word(f"team-rooms/{text}")
    assert shlex.split(f"rooms resume {written} --reason x")[2] == f"team-rooms/{text}"
    assert "  " not in written


@pytest.mark.parametrize("text", ["team-rooms/checkout", "481920374", "all-hands/2026-03-22T0230"])
def test_a_plain_text_stays_as_it_is(text: str) -> None:
    assert shell_word(text) == text


@pytest.mark.parametrize(
    "text",
    [*ODD, "4711", "no", "NULL", "1e3", "2026-03-22", "a: b", "[a]", "{a}", "- a", "a}", "a"],
)
def test_a_text_is_one_scalar_of_yaml(text: str) -> None:
    line = f"moved: [{{from: {yaml_scalar(text)}, to: x}}]\n"
    document = read_yaml("x.yaml", line.encode(), limit=1000)
    assert document.tree == {"moved": [{"from": text, "to": "x"}]}


def test_a_plain_scalar_has_no_quotes() -> None:
    assert [yaml_scalar(text) for text in ("checkout", "Team one", "a/b")] == [
        "checkout",
        "Team one",
        "a/b",
    ]
