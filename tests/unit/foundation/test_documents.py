"""Documents with places: what is read, and what is refused where."""

import pytest

from orchestrator.foundation.documents import (
    Document,
    Path,
    Tree,
    read_csv,
    read_json,
    read_yaml,
)
from orchestrator.foundation.documents.document import PROBLEMS_MAX
from orchestrator.foundation.problems import Place, Problem

LIMIT = 1 << 16


def yaml(text: str | bytes, *, as_written: bool = False) -> Document:
    """Read YAML."""
    raw = text.encode() if isinstance(text, str) else text
    return read_yaml("f", raw, limit=LIMIT, as_written=as_written)


def json(text: str | bytes, *, as_written: bool = False) -> Document:
    """Read JSON."""
    raw = text.encode() if isinstance(text, str) else text
    return read_json("f", raw, limit=LIMIT, as_written=as_written)


def csv(text: str | bytes) -> Document:
    """Read CSV."""
    return read_csv("f", text.encode() if isinstance(text, str) else text, limit=LIMIT)


def told(document: Document) -> list[str]:
    """The problems as text."""
    return [str(problem) for problem in document.problems]


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        *[
            pytest.param(word, None, None, id=f"null {word!r}")
            for word in ("", "~", "null", "NULL")
        ],
        *[pytest.param(word, True, True, id=word) for word in ("true", "True", "TRUE")],
        *[pytest.param(word, False, False, id=word) for word in ("false", "False", "FALSE")],
        *[
            pytest.param(word, word, word, id=word)
            for word in ("yes", "no", "on", "off", "y", "tRue")
        ],
        pytest.param("7", 7, "7", id="integer"),
        pytest.param("-7", -7, "-7", id="negative"),
        pytest.param("007", 7, "007", id="leading zeros are not octal"),
        pytest.param("0o17", 15, "0o17", id="octal"),
        pytest.param("0x1F", 31, "0x1F", id="hexadecimal"),
        pytest.param("1.50", 1.5, "1.50", id="fraction"),
        pytest.param("1e3", 1000.0, "1e3", id="exponent"),
        pytest.param(".5", 0.5, ".5", id="no zero before the point"),
        pytest.param("9" * 31, "9" * 31, "9" * 31, id="a number of 31 digits stays text"),
        pytest.param(".inf", ".inf", ".inf", id="infinity"),
        pytest.param(".nan", ".nan", ".nan", id="not a number"),
        pytest.param("1_000", "1_000", "1_000", id="underscores"),
        pytest.param("0b11", "0b11", "0b11", id="binary"),
        pytest.param("1:30", "1:30", "1:30", id="sixties"),
        pytest.param("2026-01-01", "2026-01-01", "2026-01-01", id="date"),
        pytest.param("'7'", "7", "7", id="single quotes"),
        pytest.param('"true"', "true", "true", id="double quotes"),
        pytest.param("|\n  7\n", "7\n", "7\n", id="block"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: Tree, written: Tree) -> None:
    """The core schema, and with ``as_written`` the text of numbers."""
    assert yaml(f"a: {text}").tree == {"a": value}
    assert yaml(f"a: {text}", as_written=True).tree == {"a": written}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param("", ["f  is empty"], id="empty"),
        pytest.param("# only\n", ["f  is empty"], id="comment"),
        pytest.param(
            "a: &x 1", ["f:1:4  anchors (&name) are not read; write the value out"], id="anchor"
        ),
        pytest.param(
            "- &x {}",
            ["f:1:3  anchors (&name) are not read; write the value out"],
            id="anchored mapping",
        ),
        pytest.param(
            "a: *x", ["f:1:4  aliases (*name) are not read; write the value out"], id="alias"
        ),
        pytest.param("a: !x 1", ["f:1:4  tags (!name) are not read; leave the tag out"], id="tag"),
        pytest.param(
            "a: ! 1", ["f:1:4  tags (!name) are not read; leave the tag out"], id="bare tag"
        ),
        pytest.param(
            "- !x [1]", ["f:1:3  tags (!name) are not read; leave the tag out"], id="tagged list"
        ),
        pytest.param(
            "a: 1\n---\nb: 2",
            ["f:2:1  a second document begins here; one file holds one"],
            id="two",
        ),
        pytest.param("[" * 101, ["f:1:101  is nested deeper than 100 levels"], id="deep"),
        pytest.param(
            'a: "\\0"', ["f:1:4  holds the character U+0000, which no text may hold"], id="escape"
        ),
        pytest.param(
            "a: \x01",
            ["f:1:4  holds the character U+0001, which no text file may hold"],
            id="control",
        ),
        pytest.param(
            b"a\nb: \xff", ["f:2:4  is not UTF-8: byte 0xFF; save the file as UTF-8"], id="latin"
        ),
        pytest.param(
            "a: 'x",
            [
                (
                    "f:1:6  is not YAML: found unexpected end of stream"
                    "; a quote is not closed, or the file is cut off"
                )
            ],
            id="quote",
        ),
        pytest.param(
            "a:\n\tb: 1",
            [
                (
                    "f:2:1  is not YAML: found character that cannot start any token"
                    "; indent with spaces, not with tabs"
                )
            ],
            id="tab",
        ),
        pytest.param(
            "a: @x",
            [
                (
                    "f:1:4  is not YAML: found character that cannot start any token"
                    "; put the text in quotes"
                )
            ],
            id="at",
        ),
        pytest.param(
            "a: [", ["f:2:1  is not YAML: did not find expected node content"], id="without a hint"
        ),
    ],
)
def test_what_yaml_is_refused(text: str | bytes, problems: list[str]) -> None:
    """Nothing is read, and the place is told."""
    document = yaml(text)
    assert told(document) == problems
    assert not document.readable
    assert document.tree is None


@pytest.mark.parametrize(
    ("text", "tree", "problems"),
    [
        pytest.param(
            "a: 1\nb: 2\na: 3",
            {"a": 1, "b": 2},
            ['f:3:1  "a" stands twice here, first on line 1'],
            id="twice",
        ),
        pytest.param(
            "a: {b: 1, b: {c: [1]}}",
            {"a": {"b": 1}},
            ['f:1:11  "b" stands twice here, first on line 1'],
            id="twice inside",
        ),
        pytest.param(
            "<<: {a: 1}\nb: 2",
            {"b": 2},
            ["f:1:1  merge keys (<<) are not read; write the values out"],
            id="merge",
        ),
        pytest.param('"<<": 1', {"<<": 1}, [], id="quoted merge"),
        pytest.param("'': 1\nb: 2", {"b": 2}, ["f:1:1  a key may not be empty"], id="empty key"),
        pytest.param(
            "[1]: 2\nb: 2",
            {"b": 2},
            ['f:1:1  a key must be text; if a template was meant, put it in quotes: "{{ … }}"'],
            id="list as key",
        ),
        pytest.param("1: x\ntrue: y", {"1": "x", "true": "y"}, [], id="keys are text"),
        pytest.param("\ufeffa: 1", {"a": 1}, [], id="byte order mark"),
        pytest.param("%YAML 1.1\n---\na: yes\n...\n", {"a": "yes"}, [], id="directive"),
        pytest.param("plain", "plain", [], id="a scalar alone"),
    ],
)
def test_mistakes_that_leave_the_rest_readable(text: str, tree: Tree, problems: list[str]) -> None:
    """The first of two keys counts, so that all else can be judged."""
    document = yaml(text)
    assert document.readable
    assert document.tree == tree
    assert told(document) == problems


def test_a_document_of_mistakes_only_is_given_up() -> None:
    """Nobody reads more than a hundred problems of one file."""
    for document in (yaml("a: 1\n" * 5000), json("{" + ",".join(['"a": 1'] * 3000) + "}")):
        assert not document.readable
        assert len(document.problems) == PROBLEMS_MAX + 1
        assert document.problems[-1].message == "has too many mistakes to go on"
    assert len(csv("a,b\n" + "1\n" * 5000).problems) == PROBLEMS_MAX


TEXT = """\
a: 1
b:
  - c: x
    d: |
      text
  - [1, 2]
"""


@pytest.mark.parametrize(
    ("path", "place", "key"),
    [
        pytest.param((), (1, 1), (1, 1), id="root"),
        pytest.param(("a",), (1, 4), (1, 1), id="scalar"),
        pytest.param(("b",), (3, 3), (2, 1), id="list"),
        pytest.param(("b", 0), (3, 5), (3, 5), id="member"),
        pytest.param(("b", 0, "c"), (3, 8), (3, 5), id="inner"),
        pytest.param(("b", 0, "d"), (5, 0), (4, 5), id="block begins on the next line"),
        pytest.param(("b", 1, 1), (6, 9), (6, 9), id="flow"),
        pytest.param(("b", 0, "x", "y"), (3, 5), (3, 5), id="missing: where it would be"),
        pytest.param(("b", 7), (3, 3), (3, 3), id="no such member"),
        pytest.param(("a", "x"), (1, 4), (1, 4), id="below a scalar"),
    ],
)
def test_every_path_has_a_place(path: Path, place: tuple[int, int], key: tuple[int, int]) -> None:
    """Of its value and of its key."""
    document = yaml(TEXT)
    assert document.place(path) == Place("f", *place)
    assert document.key_place(path) == Place("f", *key)


def test_values_and_places_below_a_path() -> None:
    """Mappings are entered, lists are not."""
    document = yaml("a: {b: {c: 1}, d: [{e: 2}]}\n")
    assert [path for path, _ in document.places(("a",))] == [
        ("a", "b"),
        ("a", "b", "c"),
        ("a", "d"),
    ]
    assert list(document.places(("x",))) == []
    assert document.value(("a", "d", 0, "e")) == 2
    for path in (("a", "x"), ("a", "d", 3), ("a", "b", "c", "d")):
        assert document.value(path) is None


def test_the_place_in_an_unreadable_document_is_its_file() -> None:
    """There are no lines to point to."""
    assert yaml("").place(("a",)) == Place("f")
    assert yaml("").key_place(("a",)) == Place("f")


def test_consequences_of_a_mistake_are_not_told() -> None:
    """What stands on the line of a mistake of the text follows from it."""
    document = yaml("a: {{ x }}\nb: 1\n")
    found = [Problem(Place("f", 1, 4), "is no text"), Problem(Place("f", 2, 4), "is wrong")]
    assert [problem.place.line for problem in document.besides(found)] == [1, 2]
    assert "template" in document.besides(found)[0].message


@pytest.mark.parametrize(
    ("text", "tree", "written"),
    [
        pytest.param(
            '{"a": 1, "b": [1.50, 1e2, null, true]}',
            {"a": 1, "b": [1.5, 100.0, None, True]},
            {"a": "1", "b": ["1.50", "1e2", None, True]},
            id="all",
        ),
        pytest.param(' "x\\u00e9\\/" ', "xé/", "xé/", id="escapes"),
        pytest.param("[]", [], [], id="empty list"),
        pytest.param("{}", {}, {}, id="empty object"),
        pytest.param("-0", 0, "-0", id="minus zero"),
        pytest.param("1" * 40, "1" * 40, "1" * 40, id="long number"),
    ],
)
def test_json_is_read(text: str, tree: Tree, written: Tree) -> None:
    """Strictly, with numbers as values or as they are written."""
    assert json(text).tree == tree
    assert json(text, as_written=True).tree == written


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "f:1:1  is empty", id="empty"),
        pytest.param("[1,\n", "f:2:1  is not JSON: a value belongs here", id="cut"),
        pytest.param(
            "[1", 'f:1:3  is not JSON: "," belongs here; the file is cut off', id="not closed"
        ),
        pytest.param("[1 2]", 'f:1:4  is not JSON: "," belongs here', id="no comma"),
        pytest.param('{"a" 1}', 'f:1:6  is not JSON: ":" belongs here', id="no colon"),
        pytest.param(
            "{a: 1}", "f:1:2  is not JSON: a key in double quotes belongs here", id="bare key"
        ),
        pytest.param(
            '{"a": 1,}',
            "f:1:9  is not JSON: a key in double quotes belongs here",
            id="comma too many",
        ),
        pytest.param('["a', "f:1:2  is not JSON: unterminated string starting at", id="string"),
        pytest.param("[1] x", "f:1:5  is not JSON: something stands after the end", id="more"),
        pytest.param("[NaN]", "f:1:2  is not JSON: a value belongs here", id="nan"),
        pytest.param("[007]", 'f:1:3  is not JSON: "," belongs here', id="leading zeros"),
        pytest.param("[yes]", "f:1:2  is not JSON: a value belongs here", id="word"),
        pytest.param(
            '"\\ud800"', "f:1:1  holds the character U+D800, which no text may hold", id="surrogate"
        ),
        pytest.param("[" * 101, "f:1:101  is nested deeper than 100 levels", id="deep"),
        pytest.param(b"\xff", "f:1:1  is not UTF-8: byte 0xFF; save the file as UTF-8", id="latin"),
    ],
)
def test_what_json_is_refused(text: str | bytes, problem: str) -> None:
    """Nothing is read, and the place is told."""
    document = json(text)
    assert told(document) == [problem]
    assert not document.readable


def test_json_has_places_and_notes_duplicates() -> None:
    """As YAML does; the first of two keys counts."""
    document = json('{"a": 1,\n "b": {"c": [2]},\n "a": 3}')
    assert document.tree == {"a": 1, "b": {"c": [2]}}
    assert document.place(("b", "c", 0)) == Place("f", 2, 14)
    assert document.key_place(("b", "c")) == Place("f", 2, 8)
    assert told(document) == ['f:3:2  "a" stands twice here, first on line 1']


def test_leading_zeros_are_text_where_numbers_are_taken_as_written() -> None:
    """What spreadsheets export as JSON keeps its zeros."""
    assert json("[007, -1.0]", as_written=True).tree == ["007", "-1.0"]


def test_csv_is_read() -> None:
    """Quotes, line breaks in fields, blank lines; every value is text."""
    document = csv('slug, name\n007,"a\nb"\n\nx,\n')
    assert document.tree == [{"slug": "007", "name": "a\nb"}, {"slug": "x", "name": ""}]
    assert document.place((0, "slug")) == Place("f", 2)
    assert document.place((1,)) == Place("f", 5)
    assert csv("a,b\r\n1,2\r\n").tree == [{"a": "1", "b": "2"}]
    assert csv("a,b\n").tree == []


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Some editors put it there; it belongs to no key and no field."""
    mark = "\ufeff"
    assert csv(f"{mark}a,b\n1,2\n").tree == [{"a": "1", "b": "2"}]
    assert json(f"{mark}[1]").tree == [1]
    assert yaml(f"{mark}a: 1").tree == {"a": 1}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param("", ["f  is empty; the first row must name the fields"], id="empty"),
        pytest.param(
            "a,,b,a\n",
            ["f:1  field 2 of the header has no name", 'f:1  "a" stands twice in the header'],
            id="header",
        ),
        pytest.param(
            "a;b\n1;2\n", ["f:1  separates by semicolons; separate by commas"], id="semicolons"
        ),
        pytest.param(
            "a,b\n1\n1,2,3\n",
            [
                "f:2  this row has 1 fields, the header has 2",
                "f:3  this row has 3 fields, the header has 2",
            ],
            id="ragged",
        ),
        pytest.param('a,b\n"x,1\n', ["f:2  is not CSV: unexpected end of data"], id="quote"),
        pytest.param(
            b"a\n\xff\n", ["f:2:1  is not UTF-8: byte 0xFF; save the file as UTF-8"], id="latin"
        ),
    ],
)
def test_what_csv_is_refused(text: str | bytes, problems: list[str]) -> None:
    """Nothing is read of a table that is not whole."""
    document = csv(text)
    assert told(document) == problems
    assert not document.readable


@pytest.mark.parametrize(
    ("size", "limit", "told_size"),
    [
        pytest.param(11, 10, "holds 11 bytes; at most 10 bytes are read", id="bytes"),
        pytest.param(2049, 2048, "holds 3 KiB; at most 2 KiB are read", id="kibibytes"),
    ],
)
def test_too_large_a_file_is_told_by_its_size(size: int, limit: int, told_size: str) -> None:
    """Before anything of it is looked at."""
    for read in (read_yaml, read_json, read_csv):
        document = read("f", b"\xff" * size, limit=limit)
        assert [problem.message for problem in document.problems] == [told_size]
