"""QR codes: three drawings of one code, each with its quiet zone, and nothing of the text in them.

That the code says what it should is segno's to prove, and was looked at with a scanner; what could
go wrong here is the drawing: halves swapped, light for dark, a margin left out.
"""

from __future__ import annotations

import re

import pytest
import segno

from orchestrator.foundation import qr

LINK = "https://rooms.example.com/r/team-rooms/checkout-k4m7q2xw5ztdfa3b"
_LIGHT = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}


def matrix(text: str) -> list[list[bool]]:
    """What is dark, with the quiet zone around it."""
    code = segno.make_qr(text, error="m", boost_error=False)
    return [[bool(module) for module in row] for row in code.matrix_iter(border=4)]


def from_blocks(rows: tuple[str, ...]) -> list[list[bool]]:
    """What is dark in a drawing of half blocks."""
    found: list[list[bool]] = []
    for row in rows:
        pairs = [_LIGHT[character] for character in row]
        found.append([not upper for upper, _ in pairs])
        found.append([not lower for _, lower in pairs])
    return found


def from_svg(drawn: str) -> list[list[bool]]:
    """What is dark in an SVG of lines of modules."""
    box = re.search(r'viewBox="0 0 (\d+) \1"', drawn)
    path = re.search(r'stroke="#000" d="([^"]+)"', drawn)
    assert box is not None
    assert path is not None
    size = int(box[1])
    found = [[False] * size for _ in range(size)]
    x = y = 0.0
    for step, one, other in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", path[1]):
        if step == "h":
            for column in range(int(x), int(x) + int(one)):
                found[int(y)][column] = True
            x += int(one)
        elif step == "M":
            x, y = float(one), float(other)
        else:
            x, y = x + float(one), y + float(other)
    return found


@pytest.mark.parametrize("text", [LINK, "a", LINK + "a" * 200], ids=["link", "short", "long"])
def test_all_drawings_are_of_one_code(text: str) -> None:
    """Dark where it is dark, and light for four modules around it."""
    wanted = matrix(text)
    assert from_svg(qr.drawing(text)) == wanted
    assert from_svg(qr.image(text).decode()) == wanted
    drawn = from_blocks(qr.blocks(text))
    assert drawn[: len(wanted)] == wanted
    assert not any(map(any, drawn[len(wanted) :]))
    assert not any(any(row[:4] + row[-4:]) for row in wanted)


def test_no_line_ends_in_what_somebody_might_strip() -> None:
    """The quiet zone is drawn."""
    rows = qr.blocks(LINK)
    assert {row[0] for row in rows} | {row[-1] for row in rows} == {"█"}
    assert len({len(row) for row in rows}) == 1


def test_nothing_of_the_text_stands_in_a_drawing() -> None:
    """It cannot break out of a page, and a page's policy allows all that it holds."""
    drawn = qr.drawing('https://x.example/"><script>alert(1)</script>')
    assert "script" not in drawn
    assert "style" not in drawn
    assert "class" not in drawn
    assert drawn.startswith("<svg viewBox=")
    assert qr.image("x").startswith(b"<?xml")


@pytest.mark.parametrize("draw", [qr.drawing, qr.image, qr.blocks])
def test_what_is_too_long_is_refused(draw: object) -> None:
    """And not cut."""
    assert callable(draw)
    with pytest.raises(ValueError, match="3000 characters are too many for a QR code"):
        draw("x" * 3000)
