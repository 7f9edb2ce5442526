"""The marker: what is written into a room is read back as long as the room lives."""

import hashlib
import html
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.domain.keys import Key, key
from orchestrator.domain.marker import (
    GENERATION_MAX,
    MARKER_MAX,
    TEXT_MAX,
    Marker,
    Unreadable,
    new_marker,
    normalise_text,
    read_metadata,
    write_metadata,
)
from tests.properties.test_keys import keys

owners = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)
operations = st.from_regex(r"[0-9a-z]{4,12}-[0-9A-Za-z]{8,27}", fullmatch=True)
markers = st.builds(new_marker, owners, keys, st.integers(1, GENERATION_MAX), operations)


def _lawful(text: str) -> bool:
    try:
        normalise_text(text)
    except ValueError:
        return False
    return True


texts = st.one_of(
    st.text("abc []ro1=\n\t~é😀", max_size=TEXT_MAX),
    st.text(max_size=60),
    # Text that ends like a marker, or is one.
    st.builds(write_metadata, st.just("x"), markers).map(lambda text: text[-TEXT_MAX:]),
    st.sampled_from(["[ro1 ", "[ro2 x]", "[ro1 o=a k=b/c g=1 op=d c=00000000]", "]", "[ro1 x] "]),
).filter(_lawful)

CHECKOUT = Key("team-rooms", "checkout")
_LONG = f"[ro1 o=0 k=0/{'a' * 103}~0123456789abcdef g=42 op=0000-00000000 c=ac09b370]"


@pytest.mark.parametrize(
    ("text", "marker", "metadata"),
    [
        (
            "",
            Marker("acme", "team-rooms/checkout", 1, "7f3a01bc-0001abcd"),
            "[ro1 o=acme k=team-rooms/checkout g=1 op=7f3a01bc-0001abcd c=5f3e859f]",
        ),
        (
            "Ask Jo.",
            Marker("acme-7", "p/stra%C3%9Fe", 9_999_999, "k3m9x2aa-01JBXYZ0"),
            "Ask Jo. [ro1 o=acme-7 k=p/stra%C3%9Fe g=9999999 op=k3m9x2aa-01JBXYZ0 c=ab6ee2d7]",
        ),
        (
            "[ro1 o=a k=b/c g=1 op=d c=00000000]",
            Marker("0", f"0/{'a' * 103}~0123456789abcdef", 42, "0000-00000000"),
            f"[ro1 o=a k=b/c g=1 op=d c=00000000] {_LONG}",
        ),
    ],
    ids=["plain", "with text", "text like a marker"],
)
def test_the_form_never_changes(text: str, marker: Marker, metadata: str) -> None:
    """A frozen table: rooms that bear these words are out there, and cannot be patched."""
    assert write_metadata(text, marker) == metadata
    assert read_metadata(metadata) == (text, marker)


@given(texts, markers)
def test_what_was_written_is_read_back(text: str, marker: Marker) -> None:
    """Whatever the user's text looks like; it comes back trimmed."""
    metadata = write_metadata(text, marker)
    assert read_metadata(metadata) == (text.strip(), marker)
    assert marker.incarnation == marker.operation.split("-")[0]


@given(texts, markers)
def test_it_always_fits(text: str, marker: Marker) -> None:
    """Below the API's 500, also for one that counts as UTF-16 does."""
    metadata = write_metadata(text, marker)
    assert len(metadata.encode("utf-16-le")) // 2 <= TEXT_MAX + 1 + MARKER_MAX < 500
    assert len(write_metadata("", marker)) <= MARKER_MAX


def test_the_longest_marker_is_as_long_as_it_may_be() -> None:
    """The sum of the greatest lengths, not one that happened to be drawn."""
    longest = new_marker(
        "o" * 40, key("p" * 63, "a" * 200), GENERATION_MAX, f"{'i' * 12}-{'u' * 27}"
    )
    assert len(write_metadata("", longest)) == MARKER_MAX
    full = write_metadata("😀" * (TEXT_MAX // 2), longest)
    assert len(full.encode("utf-16-le")) // 2 == TEXT_MAX + 1 + MARKER_MAX
    assert read_metadata(full)[1] == longest


@given(markers)
def test_the_marker_may_travel_anywhere(marker: Marker) -> None:
    """One line of ASCII that no header, page or shell takes for something else."""
    signed = write_metadata("", marker)
    assert re.fullmatch(r"[A-Za-z0-9 \[\]=/%~._-]+", signed)


@given(
    texts,
    markers,
    st.sampled_from(
        [
            str.strip,
            lambda text: f"{text}\n",
            lambda text: f" \t{text} \r\n\u00a0",
            lambda text: text.replace(" [ro", "\n[ro"),
            lambda text: text.replace(" [ro", "\r\n[ro"),
            html.escape,
            lambda text: text.replace("\n", "\r\n"),
            lambda text: " ".join(text.split()),
        ]
    ),
)
def test_what_apis_do_to_text_does_not_hide_the_marker(
    text: str, marker: Marker, done: object
) -> None:
    """Trimmed, ended by a newline, wrapped, escaped for HTML, its spaces joined."""
    assert callable(done)
    assert read_metadata(done(write_metadata(text, marker)))[1] == marker


@given(texts, markers, st.data())
def test_an_altered_marker_is_never_another(text: str, marker: Marker, data: st.DataObject) -> None:
    """One character replaced, removed or put in: unreadable or none, and so not ours to touch."""
    metadata = write_metadata(text, marker)
    begin = len(metadata) - len(write_metadata("", marker))
    at = data.draw(st.integers(begin, len(metadata) - 1), "at")
    put = data.draw(st.sampled_from(["", *"0a9Zz-~%/ []=.", "é", "\n", metadata[at] * 2]), "put")
    altered = metadata[:at] + put + metadata[at + 1 :]
    assume(altered != metadata)
    read = read_metadata(altered)[1]
    # The same after a second "["; text that bears a whole marker is read as that once ours is gone.
    assert not isinstance(read, Marker) or read in {marker, read_metadata(text)[1]}


@given(markers, st.data())
def test_a_cut_marker_is_told_of(marker: Marker, data: st.DataObject) -> None:
    """An API that keeps fewer characters than it says."""
    signed = write_metadata("", marker)
    kept = data.draw(st.integers(len("[ro1 "), len(signed) - 1))
    assert read_metadata(f"text {signed[:kept]}") == (
        f"text {signed[:kept]}".strip(),
        Unreadable("its marker was cut off"),
    )


@given(markers, st.integers(0, 999).filter(lambda version: version != 1))
def test_other_versions_are_foreign(marker: Marker, version: int) -> None:
    """Whatever they hold; they are told of and left alone."""
    signed = write_metadata("", marker).replace("[ro1 ", f"[ro{version} ")
    assert read_metadata(f"text {signed}") == (
        "text",
        Unreadable(f"its marker is of version {version}"),
    )
    assert read_metadata(f"[ro{version} anything at all, ünder whatever rules]\n")[1] == Unreadable(
        f"its marker is of version {version}"
    )


@pytest.mark.parametrize(
    "metadata",
    ["", "just text", "[ro]", "[ro1]", "[room 1]", "[ro1 x] and more", "(ro1 o=a)", "[ro1234 x]"],
)
def test_what_does_not_mean_to_be_a_marker_is_none(metadata: str) -> None:
    """Most rooms of the world."""
    assert read_metadata(metadata) == (metadata, None)


def test_no_metadata_is_no_text_and_no_marker() -> None:
    """The API gives null."""
    assert read_metadata(None) == ("", None)


def _signed(body: str) -> str:
    return f"[ro1 {body} c={hashlib.sha256(f'ro1 {body}'.encode()).hexdigest()[:8]}]"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ("[ro1 ]", "its marker is damaged"),
        (_signed("o=acme k=p/a g=1"), "its marker is damaged"),
        (_signed("o=acme k=p/a g=0 op=7f3a-00000001"), "its marker is damaged"),
        (_signed("o=acme k=p/a g=01 op=7f3a-00000001"), "its marker is damaged"),
        (_signed("o=acme k=p/a g=10000000 op=7f3a-00000001"), "its marker is damaged"),
        (_signed("o=acme  k=p/a g=1 op=7f3a-00000001"), "its marker is damaged"),
        (_signed("o=Acme k=p/a g=1 op=7f3a-00000001"), "its marker was altered"),
        (_signed("o=acme k=p/%41 g=1 op=7f3a-00000001"), "its marker was altered"),
        (_signed("o=acme k=pa g=1 op=7f3a-00000001"), "its marker was altered"),
        (_signed("o=acme k=p/a g=1 op=7f3a-1"), "its marker was altered"),
        ("[ro1 o=acme k=p/a g=1 op=7f3a-00000001 c=00000000]", "its marker was altered"),
    ],
)
def test_what_breaks_the_grammar_is_unreadable_though_its_digits_fit(
    metadata: str, reason: str
) -> None:
    """Each part has one spelling."""
    assert read_metadata(metadata) == ("", Unreadable(reason))


@pytest.mark.parametrize(
    ("owner", "generation", "operation", "message"),
    [
        ("", 1, "7f3a-00000001", "'' cannot be an owner id: 1 to 40 of a-z, 0-9 and -"),
        ("Acme", 1, "7f3a-00000001", "'Acme' cannot be an owner id"),
        ("a b", 1, "7f3a-00000001", "'a b' cannot be an owner id"),
        ("a" * 41, 1, "7f3a-00000001", "cannot be an owner id"),
        ("acme\n", 1, "7f3a-00000001", "cannot be an owner id"),
        ("acme", 0, "7f3a-00000001", "generation 0 is not between 1 and 9999999"),
        ("acme", 10_000_000, "7f3a-00000001", "generation 10000000 is not between"),
        ("acme", 1, "7f3a", "'7f3a' cannot be an operation id"),
        ("acme", 1, "7F3A-00000001", "cannot be an operation id"),
        ("acme", 1, "7f3a-0000", "cannot be an operation id"),
    ],
)
def test_what_could_not_be_read_back_is_never_written(
    owner: str, generation: int, operation: str, message: str
) -> None:
    """A marker that exists is lawful."""
    with pytest.raises(ValueError, match=message):
        new_marker(owner, CHECKOUT, generation, operation)


def test_a_key_that_is_not_encoded_is_refused() -> None:
    """A marker holds the ASCII form only."""
    with pytest.raises(ValueError, match="'team-rooms/straße' is not an encoded key"):
        Marker("acme", "team-rooms/straße", 1, "7f3a-00000001")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 191, "at most 190 characters, this text has 191"),
        ("😀" * 96, "this text has 192"),
        ("a\x00b", r"may not hold the character U\+0000"),
        ("a\rb", r"may not hold the character U\+000D"),
        ("a\x85b", r"may not hold the character U\+0085"),
        ("a\ud83db", r"may not hold the character U\+D83D"),
    ],
    ids=["long", "long in emoji", "null", "carriage return", "next line", "half a character"],
)
def test_text_that_an_api_may_spoil_is_refused(text: str, message: str) -> None:
    """Before the room is made, not after."""
    with pytest.raises(ValueError, match=message):
        write_metadata(text, new_marker("acme", CHECKOUT, 1, "7f3a-00000001"))
