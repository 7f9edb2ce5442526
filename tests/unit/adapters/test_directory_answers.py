"""What an answer is worth: bytes in, a body or a reason out."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.directories.answers import understood
from orchestrator.ports.directories import Answered, Failed

MIB = 1024 * 1024
NAMES = st.lists(
    st.dictionaries(st.sampled_from(["slug", "name"]), st.text('ab1é ,]"', max_size=8)), min_size=1
)


@given(NAMES, st.data())
def test_p04_no_beginning_of_an_answer_is_an_answer(
    teams: list[dict[str, str]], data: st.DataObject
) -> None:
    """However it is cut, also where nothing but the end of the text tells of it."""
    body = json.dumps(teams).encode()
    cut = data.draw(st.integers(0, len(body) - 1))
    assert isinstance(understood({}, body[:cut], MIB), Failed)
    assert understood({}, body, MIB) == Answered(body)


@given(NAMES, st.data())
def test_p04_no_beginning_of_a_compressed_answer_is_an_answer(
    teams: list[dict[str, str]], data: st.DataObject
) -> None:
    """Its last eight bytes vouch for all of it."""
    packed = gzip.compress(json.dumps(teams).encode(), mtime=0)
    cut = data.draw(st.integers(0, len(packed) - 1))
    assert isinstance(understood({"Content-Encoding": "gzip"}, packed[:cut], MIB), Failed)


@given(st.binary(max_size=200), st.sampled_from(["", "gzip", "identity", "GZIP ", "br"]))
def test_whatever_comes_is_an_answer_or_has_a_reason(raw: bytes, encoding: str) -> None:
    """Never an exception, and the reason is one line."""
    found = understood({"Content-Encoding": encoding}, raw, MIB)
    if isinstance(found, Failed):
        assert found.reason
        assert "\n" not in found.reason


@pytest.mark.parametrize(
    ("link", "whole"),
    [
        ('</teams?page=2>; rel="next"', False),
        ('</a>; rel="last", </b>;title=x; REL = "up next"', False),
        ("</teams?page=2>;rel=next", False),
        ('</teams?next>; rel="prev first"', True),
        ('</docs>; rel="describedby"; title="rel next"', True),
        ("</a>; rel=nextgen", True),
        ("", True),
    ],
)
def test_p04_one_page_of_several_is_no_answer(link: str, whole: bool) -> None:
    """Whoever stands on the others would be gone."""
    found = understood({"LINK": link}, b"[]", MIB)
    assert isinstance(found, Answered) == whole


def test_a_bomb_is_not_blown_up() -> None:
    """Of what a small body would become no more is made than is read."""
    bomb = gzip.compress(b"[" + b" " * 32 * MIB + b"]", compresslevel=1, mtime=0)
    tracemalloc.start()
    try:
        found = understood({"Content-Encoding": "gzip"}, bomb, MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == Failed("answered with more than 1 MiB")
    assert peak < 8 * MIB


def test_an_answer_of_values_without_end_is_not_read() -> None:
    """Sixteen megabytes of zeros took a minute and a half, and a gigabyte of memory."""
    many = b"[" + b"0," * 2_000_000 + b"0]"
    tracemalloc.start()
    try:
        found = understood({}, many, 16 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == Failed("answered with more than 2,000,000 values")
    assert peak < MIB
