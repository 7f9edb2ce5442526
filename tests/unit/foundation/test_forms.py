"""Forms: everything that is wrong is told at once, and the rest is read on."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from orchestrator.foundation.documents import Document, Tree, read_yaml
from orchestrator.foundation.forms import Filled, Form, Length, fill


class Inner(Form):
    """A part."""

    hints: ClassVar = {"size": "in metres"}

    size: Annotated[int, Field(ge=1, le=9)]
    label: str | None = None


class Round(Form):
    """One kind."""

    hints: ClassVar = {"radius": "in metres"}

    type: Literal["round"]
    radius: int


class Square(Form):
    """Another kind, with a key that the first has not."""

    hints: ClassVar = {"side": "in feet"}

    type: Literal["square"]
    side: int
    slanted: Inner | None = None


class Outer(Form):
    """A whole."""

    not_yet: ClassVar = frozenset({"later"})

    name: str
    inner: Inner
    share: float = 0.5
    flag: bool | None = None
    wait: Length = timedelta()
    many: list[Inner] = Field([])
    named: dict[str, Inner] = Field({})
    shapes: dict[str, Annotated[Round | Square, Field(discriminator="type")]] = Field({})


STAND_IN: dict[str, Tree] = {"name": "x", "inner": {"size": 1}}


def read(text: str) -> Document:
    """A document named f."""
    return read_yaml("f", text.encode(), limit=1 << 16)


def filled(text: str) -> Filled[Outer]:
    """The form of a text."""
    return fill(Outer, read(text), STAND_IN)


GOOD = "name: a\ninner: {size: 2}\n"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (GOOD, []),
        ("- a", ['f:1:1  must be a mapping of the form "key: value"']),
        ("name: a", ['f:1:1  "inner" is missing']),
        ("name: a\ninner: {}", ['f:2:1  "size" is missing in inner: in metres']),
        ("name: a\ninner: {sise: 2}", ['f:2:9  unknown key "sise" in inner; did you mean "size"?']),
        ("name: a\ninner: x", ['f:2:8  inner must be a mapping of the form "key: value"']),
        (
            "nme: a\ninner: {size: 0}",
            [
                'f:1:1  unknown key "nme"; did you mean "name"?',
                "f:2:15  size must be at least 1",
            ],
        ),
        (f"{GOOD}later: 1", ['f:3:1  "later" is not yet available']),
        (f"{GOOD}shapes: {{a: {{type: round, radius: 1}}, b: {{type: square, side: 2}}}}", []),
        (f"{GOOD}shapes: {{a: {{type: square}}}}", ['f:3:10  "side" is missing in a: in feet']),
        (
            f"{GOOD}shapes: {{a: {{type: square, sdie: 1, radius: 2}}}}",
            [
                'f:3:28  unknown key "sdie" in a; did you mean "side"?',
                'f:3:37  unknown key "radius" in a',
            ],
        ),
        (
            f"{GOOD}shapes: {{a: {{type: squar, side: x}}, b: {{type: round, radius: x}}}}",
            [
                'f:3:20  type must be round or square; did you mean "square"?',
                "f:3:62  radius must be a whole number",
            ],
        ),
        (
            f"{GOOD}shapes: {{a: {{side: 1}}, b: {{typ: round}}, c: 7}}",
            [
                'f:3:10  "type" is missing in a',
                'f:3:24  "type" is missing in b; did you write "typ" for it?',
                'f:3:44  c must be a mapping of the form "key: value"',
            ],
        ),
        (
            f"{GOOD}shapes: {{a: {{type: square, side: 1, slanted: {{size: 0, sze: 2}}}}}}",
            [
                "f:3:53  size must be at least 1",
                'f:3:56  unknown key "sze" in slanted; did you mean "size"?',
            ],
        ),
        (
            f"{GOOD}shapes: {{a: {{type: square, side: 1, slanted: }}}}",
            ["f:3:37  slanted is empty; write a value or leave the line out"],
        ),
        (f"{GOOD}flag:", ["f:3:1  flag is empty; write a value or leave the line out"]),
        (f"{GOOD}flag: yes", ["f:3:7  flag must be true or false"]),
        (f"{GOOD}share: much", ["f:3:8  share must be a number"]),
        (f"{GOOD}wait: 5", ["f:3:7  wait 5 has no unit; write 90s, 15m, 12h or 30d"]),
        (f"{GOOD}wait: [5]", ["f:3:7  wait must be a length of time such as 90s, 15m, 12h or 30d"]),
        (f"{GOOD}many: {{}}", ["f:3:7  many must be a list"]),
        (
            f"{GOOD}many: [{{size: 1}}, {{size: x}}, {{label: 5}}, 7]",
            [
                "f:3:26  size must be a whole number",
                'f:3:30  "size" is missing in many[2]: in metres',
                "f:3:38  label must be text; put it in quotes",
                'f:3:42  many[3] must be a mapping of the form "key: value"',
            ],
        ),
        (
            f"{GOOD}many: [{{size: }}]",
            ["f:3:9  size is empty; write a value or leave the line out"],
        ),
        (
            f"{GOOD}named: {{size: {{size: 10}}, b: {{siz: 1}}}}",
            [
                "f:3:22  size must be at most 9",
                'f:3:31  unknown key "siz" in b; did you mean "size"?',
            ],
        ),
        (f"{GOOD}named: {{a: }}", ["f:3:9  a is empty; write a value or leave the line out"]),
        (f"{GOOD}inner2: {{}}", ['f:3:1  unknown key "inner2"; did you mean "inner"?']),
    ],
)
def test_mistakes_are_told_where_they_stand(text: str, problems: list[str]) -> None:
    """All of them, in the order of their places."""
    assert [str(problem) for problem in filled(text).problems] == problems


def test_the_rest_is_read_on() -> None:
    """What is broken has its default, and is known to be broken."""
    found = filled("name: 5\ninner: {size: 2, label: []}\nshare: 0.25\nmany: [{size: x}]\n")
    assert found.value is not None
    assert found.value.share == 0.25
    assert found.value.inner.size == 2
    assert found.value.many == []
    assert not found.whole(("name",))
    assert not found.whole(("inner",))
    assert not found.whole(("inner", "label"))
    assert found.whole(("inner", "size"))
    assert found.whole(("share",), ("flag",))
    assert not found.whole(("share",), ("many", 0))


def test_a_required_part_that_is_broken_has_its_stand_in() -> None:
    """So that what needs it can still be reached; the document itself is not touched."""
    document = read("name: a\ninner: {size: x}\n")
    found = fill(Outer, document, STAND_IN)
    assert found.value is not None
    assert found.value.inner.size == 1
    assert document.tree == {"name": "a", "inner": {"size": "x"}}


def test_a_document_that_is_no_mapping_fills_nothing() -> None:
    """There is nothing to read on."""
    found = filled("just text")
    assert found.value is None
    assert not found.whole(("name",))


@dataclass(frozen=True)
class Case:
    """A spelling of a length of time."""

    text: str
    length: timedelta


@pytest.mark.parametrize(
    "case",
    [Case("90s", timedelta(seconds=90)), Case("PT1H", timedelta(hours=1))],
    ids=lambda case: case.text,
)
def test_lengths_of_time(case: Case) -> None:
    """As people write them."""
    found = filled(f"{GOOD}wait: {case.text}")
    assert found.value is not None
    assert found.value.wait == case.length


def test_no_value_is_quoted() -> None:
    """A secret in the wrong line does not end up in a problem."""
    found = filled(
        "name: [hunter2]\ninner: hunter2\nshare: hunter2\nflag: hunter2\nmany: hunter2\n"
    )
    assert len(found.problems) == 5
    assert not any("hunter2" in str(problem) for problem in found.problems)
