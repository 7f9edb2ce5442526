"""Keys: what is refused, with which words."""

import pytest

from orchestrator.domain.keys import (
    SUBJECT_MAX,
    InvalidKeyError,
    Key,
    decode_key,
    key,
    normalise_subject,
    parse_key,
)


@pytest.mark.parametrize(
    "name",
    ["", "-a", "Team", "team rooms", "team_rooms", "a" * 64, "teäm", "team\n", "a/b", "team.rooms"],
    ids=repr,
)
def test_what_cannot_name_a_policy_is_refused(name: str) -> None:
    """One rule for all names, told with the error."""
    with pytest.raises(InvalidKeyError) as caught:
        key(name, "checkout")
    assert str(caught.value) == (
        f"{name!r} cannot name a policy: 1 to 63 of a-z, 0-9 and -, beginning with a letter or "
        "a digit"
    )


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("", "a key may not be empty"),
        (" \t\u3000\n", "a key may not be empty"),
        ("x" * 201, "a key has at most 200 characters, this one has 201"),
        ("a\nb", "a key may not hold the character U+000A"),
        ("a\x00b", "a key may not hold the character U+0000"),
        ("a\x7fb", "a key may not hold the character U+007F"),
        ("a\x9fb", "a key may not hold the character U+009F"),
        ("a\u2028b", "a key may not hold the character U+2028"),
        ("a\u2029b", "a key may not hold the character U+2029"),
        ("a\ud800b", "a key may not hold the character U+D800"),
        ("a\udfff", "a key may not hold the character U+DFFF"),
        ("check\u00adout", "a key may not hold the character U+00AD"),
        ("checkout\u200b", "a key may not hold the character U+200B"),
        ("\ufeffcheckout", "a key may not hold the character U+FEFF"),
        ("check\u202eout", "a key may not hold the character U+202E"),
        ("check\u2066out", "a key may not hold the character U+2066"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_what_cannot_be_a_subject_is_refused(subject: str, message: str) -> None:
    """The character is named by its number: most of these cannot be seen."""
    with pytest.raises(InvalidKeyError) as caught:
        normalise_subject(subject)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "subject",
    ["x", "x" * SUBJECT_MAX, "a b", "a/b", "नमस्\u200dते", "👩\u200d🚒", "مى\u200cخواهم", "\ue000"],
    ids=ascii,
)
def test_what_people_write_is_taken(subject: str) -> None:
    """Joiners are part of scripts and emoji; the length counts characters."""
    assert key("p", subject).subject == subject


def test_a_key_is_made_in_normal_form_only() -> None:
    """Whoever makes one past `key` learns it."""
    with pytest.raises(InvalidKeyError, match="the subject ' a' is not in normal form"):
        Key("p", " a")
    assert key("p", " a") == Key("p", "a")


def test_a_key_without_a_slash_is_none() -> None:
    """The error shows how one looks."""
    with pytest.raises(InvalidKeyError) as caught:
        parse_key("checkout")
    assert str(caught.value) == (
        "'checkout' is no key: write policy/subject, as in team-rooms/checkout"
    )


def test_keys_are_in_the_order_of_policy_and_subject() -> None:
    """Lists of rooms come in one order."""
    keys = [key("b", "a"), key("a", "b"), key("a", "a")]
    assert [str(one) for one in sorted(keys)] == ["a/a", "a/b", "b/a"]


def test_an_encoded_key_is_another_spelling() -> None:
    """What people write is never decoded by itself."""
    assert parse_key("p/a%20b") == Key("p", "a%20b")
    assert decode_key("p/a%20b") == Key("p", "a b")
    assert decode_key("p/a b") is None
