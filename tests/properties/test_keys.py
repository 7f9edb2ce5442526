"""Keys: one spelling for each, none for two, and the spelling never changes."""

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from orchestrator.domain.keys import (
    ENCODED_KEY_MAX,
    InvalidKeyError,
    Key,
    decode_key,
    decode_subject,
    encode_subject,
    is_encoded_key,
    key,
    normalise_subject,
    parse_key,
    spread,
)

policies = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


def _lawful(text: str) -> bool:
    try:
        normalise_subject(text)
    except InvalidKeyError:
        return False
    return True


# Short and long ones, of few bytes and of many, with what needs care: % ~ / and spaces inside.
subjects = st.one_of(
    st.text("abcXYZ019-._~%/ +ß€😀\u0301\u200d", min_size=1, max_size=200),
    st.text(min_size=1, max_size=60),
    st.text("😀é~", min_size=30, max_size=200),
).filter(_lawful)
keys = st.builds(key, policies, subjects)


@pytest.mark.parametrize(
    ("subject", "encoded"),
    [
        ("checkout", "checkout"),
        ("Checkout", "Checkout"),
        ("data platform", "data%20platform"),
        ("a-b._c", "a-b._c"),
        ("a~b", "a%7Eb"),
        ("a/b", "a%2Fb"),
        ("a%20b", "a%2520b"),
        ("50%", "50%25"),
        ("a+b", "a%2Bb"),
        ("straße", "stra%C3%9Fe"),
        ("e\u0301", "%C3%A9"),
        ("007", "007"),
        ("👩\u200d🚒", "%F0%9F%91%A9%E2%80%8D%F0%9F%9A%92"),
        ("[x] \"y\" <z> & 'w'", "%5Bx%5D%20%22y%22%20%3Cz%3E%20%26%20%27w%27"),
        ("a" * 120, "a" * 120),
        ("a" * 121, "a" * 103 + "~e9615320128cc7a3"),
        ("é" * 21, "%C3%A9" * 17 + "~5ddeaaa70c40d97f"),
        ("x" + "é" * 20, "x" + "%C3%A9" * 17 + "~82fa3ff04ffa5044"),
        (
            "xx" + "é" * 20,
            "xx%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3~a58bb343da6bea92",
        ),
        ("é" * 200, "%C3%A9" * 17 + "~df20b2aa6262e99e"),
    ],
)
def test_the_spelling_never_changes(subject: str, encoded: str) -> None:
    """A frozen table: it stands in rooms that were made, and nobody can write it anew there."""
    assert encode_subject(normalise_subject(subject)) == encoded
    assert is_encoded_key(f"p/{encoded}")


@given(keys)
def test_the_encoded_form_fits_where_only_ascii_may_stand(one: Key) -> None:
    """In marker, URL and audit; its policy and its subject can be told apart."""
    assert one.encoded.isascii()
    assert len(one.encoded) <= ENCODED_KEY_MAX
    assert set("[]\"'<>&\\ \t\n") & set(one.encoded) == set()
    assert one.encoded.count("/") == 1
    assert one.encoded.startswith(f"{one.policy}/")


@given(keys)
def test_what_was_encoded_is_known_as_such(one: Key) -> None:
    """Uncut it can be read back, cut it cannot."""
    assert is_encoded_key(one.encoded)
    subject = one.encoded.partition("/")[2]
    if "~" in subject:
        assert decode_subject(subject) is None
        assert decode_key(one.encoded) is None
        assert 101 + 17 <= len(subject) <= 120
    else:
        assert decode_subject(subject) == one.subject
        assert decode_key(one.encoded) == one


@given(keys, keys)
def test_distinct_keys_have_distinct_forms(one: Key, other: Key) -> None:
    """As people write them and encoded."""
    assume(one != other)
    assert one.encoded != other.encoded
    assert str(one) != str(other)


@given(st.text("aé", min_size=60, max_size=180), st.text("xyé", min_size=1, max_size=40))
def test_long_subjects_that_begin_alike_have_distinct_forms(begin: str, end: str) -> None:
    """The digest is of the whole."""
    one, other = normalise_subject(begin), normalise_subject((begin + end)[:200])
    assume(one != other)
    assert encode_subject(one) != encode_subject(other)


@given(
    st.one_of(
        st.text(max_size=20),
        st.from_regex(r"[a-z]/[A-Za-z0-9._%~-]{0,20}", fullmatch=True),
        st.from_regex(r"p/(%[0-9A-Fa-f]{2}|[a~]){1,12}", fullmatch=True),
        # Cut forms, lawful and nearly so.
        st.builds(
            lambda head, digest: f"p/{head}~{digest}",
            st.from_regex(r"(%C3%A9|%F0%9F|%20|%41|a|%E2%80%8B|%CC%81){17,104}", fullmatch=True),
            st.from_regex(r"[0-9a-fA-F]{15,17}", fullmatch=True),
        ),
    )
)
@example("p/%41")
@example("p/%c3%9f")
@example("p/%ff")
@example("p/a b")
@example("p/a\n")
@example("p/%20a")
@example("p/e%CC%81")
@example("/a")
@example("p/")
@example("P/a")
@example("p/ß")
@example("p")
def test_what_is_taken_for_encoded_was_made_by_some_key(text: str) -> None:
    """Only then, so that a marker has one reading."""
    if not is_encoded_key(text):
        return
    policy, _, subject = text.partition("/")
    found = decode_key(text)
    if found is not None:
        assert found.encoded == text
        return
    # Nobody can turn a digest round; but the kept part must be what some subject begins with.
    head = subject.partition("~")[0]
    assert any(
        Key(policy, longer).encoded.startswith(f"{policy}/{head}~")
        for longer in _subjects_from(head)
    )


def _subjects_from(head: str) -> list[str]:
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - an oracle of its own

    begun = unquote_to_bytes(head)
    found = []
    for ending in (b"", b"\x80", b"\xa9", b"\x80\x80", b"\x9f\x98\x80", b"\x98\x80", b"\xa0\x80"):
        for rest in ("b" * 60, "é" * 60):
            try:
                found.append(normalise_subject((begun + ending).decode() + rest))
            except (UnicodeDecodeError, InvalidKeyError):
                continue
    return found


@pytest.mark.parametrize(
    "head",
    [
        "a" * 100,
        "a" * 104,
        "a" * 100 + "%41",
        "a" * 100 + "%4a",
        "a" * 100 + "%FF",
        "a" * 97 + "%CC%81",
        "%20" + "a" * 100,
        "a" * 94 + "%E2%80%8B",
        "%20" * 34,
        "a" * 101 + "+",
        "a" * 101 + "%C",
    ],
    ids=[
        *("too short", "too long", "needless", "lower case", "no UTF-8", "composed otherwise"),
        *("not trimmed", "invisible", "blank", "unsafe", "half a triplet"),
    ],
)
def test_the_kept_part_of_a_cut_subject_must_begin_a_lawful_one(head: str) -> None:
    """What no key makes is no marker of ours, however well it is formed."""
    assert not is_encoded_key(f"p/{head}~0123456789abcdef")


@pytest.mark.parametrize("digest", ["0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", ""])
def test_a_cut_subject_ends_in_sixteen_digits(digest: str) -> None:
    """Hexadecimal, in lower case."""
    assert not is_encoded_key(f"p/{'a' * 103}~{digest}")
    assert is_encoded_key(f"p/{'a' * 103}~0123456789abcdef")


@given(subjects)
def test_normal_form_is_normal(subject: str) -> None:
    """Bringing it there once more changes nothing; NFC and trimmed."""
    once = normalise_subject(subject)
    assert normalise_subject(once) == once
    assert unicodedata.normalize("NFC", once) == once == once.strip()
    assert normalise_subject(f" {once}\u3000") == once
    assert normalise_subject(unicodedata.normalize("NFD", once)) == once


@given(keys)
def test_a_key_as_people_write_it_is_read_back(one: Key) -> None:
    """Whatever slashes and percent signs stand in its subject."""
    assert parse_key(str(one)) == one
    assert parse_key(f"  {one} ") == one


@given(keys)
def test_the_place_of_a_key_lies_within_the_window(one: Key) -> None:
    """From 0 on, below 1."""
    assert 0 <= spread(one.encoded) < 1


def test_the_place_of_a_key_never_changes() -> None:
    """A frozen value: else all renewals of an installation would move on an update."""
    assert spread("team-rooms/checkout") == 0.24571150155497534
