"""The hash chain: its exact bytes, and that nothing can be changed unseen."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.foundation.chain import GENESIS, SealedLine, canonical, link, seal, unseal

ORDER = ("seq", "what", "detail")

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Lone surrogates included: an API may send them.
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
lines = st.fixed_dictionaries({"seq": st.integers()}, optional={"what": plain, "detail": plain})


def test_the_form_of_a_line_never_changes() -> None:
    """A golden line, worked out by hand with sha256sum: the format is an interface."""
    line = seal({"detail": {"b": 1.5, "a": "é"}, "seq": 1, "what": None}, ORDER, GENESIS)
    body = (
        '{"seq":1,"what":null,"detail":{"a":"é","b":1.5},'
        '"prev":"0000000000000000000000000000000000000000000000000000000000000000"'
    )
    digits = "8e6daca030b194735deaf2f2e865b98c5539461cf655850f9c10d19591b4d247"
    assert line.text.decode() == f'{body},"hash":"{digits}"}}'


def test_a_lone_surrogate_is_written_as_its_escape() -> None:
    """UTF-8 has no bytes for it, and a log that cannot be decoded is none."""
    text = seal({"what": "a\ud83db"}, ORDER, GENESIS).text.decode("utf-8")
    assert '"what":"a\\ud83db"' in text


def test_fields_without_a_place_are_refused() -> None:
    """The order is fixed by the caller, for every field."""
    with pytest.raises(ValueError, match="no place is fixed for colour, prev"):
        canonical({"colour": 1, "prev": 2}, ORDER)


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=["nan", "inf"])
def test_numbers_that_json_lacks_are_refused(value: float) -> None:
    """NaN is not JSON: other readers would stumble over it."""
    with pytest.raises(ValueError, match="JSON"):
        seal({"seq": value}, ORDER, GENESIS)


def test_values_that_are_not_plain_are_refused() -> None:
    """An object is never written by its repr."""
    with pytest.raises(TypeError):
        seal({"what": object()}, ORDER, GENESIS)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b'{"prev":"00","hash":"00"}',
        seal({}, ORDER, GENESIS).text + b"\n",
        seal({}, ORDER, GENESIS).text + b" ",
        seal({}, ORDER, GENESIS).text.replace(b'"hash":', b'"hash": '),
    ],
    ids=["empty", "no hashes", "short hashes", "newline", "space after", "space within"],
)
def test_a_line_that_does_not_end_as_ours_is_no_line_of_a_chain(text: bytes) -> None:
    """Nothing is repaired."""
    assert unseal(text) is None


@given(lines)
def test_a_sealed_line_is_json_in_utf8_on_one_line(fields: dict[str, object]) -> None:
    """Any JSON reader can read it, whatever stands in it."""
    line = seal(fields, ORDER, GENESIS)
    assert b"\n" not in line.text
    read = json.loads(line.text.decode("utf-8"))
    assert list(read) == [*(name for name in ORDER if name in fields), "prev", "hash"]
    # Two lone surrogates in a row become the character that they spell in JSON.
    assert {**read, "prev": 0, "hash": 0} == {
        **json.loads(json.dumps(fields)),
        "prev": 0,
        "hash": 0,
    }


@given(lines, st.text("0123456789abcdef", min_size=64, max_size=64))
def test_what_is_sealed_is_whole(fields: dict[str, object], previous: str) -> None:
    """Reading gives back what writing made."""
    line = seal(fields, ORDER, previous)
    assert unseal(line.text) == line
    assert line.is_whole
    assert line.previous == previous
    assert line.hash == link(previous, line.text[: -len(line.hash) - 11] + b"}")


@given(lines, st.data())
def test_any_other_byte_is_noticed(fields: dict[str, object], data: st.DataObject) -> None:
    """Also where the JSON would mean the same."""
    text = seal(fields, ORDER, GENESIS).text
    at = data.draw(st.integers(0, len(text) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[at]))
    found = unseal(text[:at] + bytes([byte]) + text[at + 1 :])
    assert found is None or not found.is_whole


@given(lines)
def test_the_order_in_which_fields_are_given_does_not_matter(fields: dict[str, object]) -> None:
    """One form for one content."""
    turned = dict(reversed(fields.items()))
    assert seal(turned, ORDER, GENESIS) == seal(fields, ORDER, GENESIS)


def test_another_line_before_makes_another_hash() -> None:
    """That is what makes a chain of the lines."""
    first, other = (seal({"seq": 1}, ORDER, "0" * 63 + digit) for digit in "12")
    assert isinstance(first, SealedLine)
    assert first.hash != other.hash
