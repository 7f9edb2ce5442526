"""What is known of a PNG file: every kind, every filter, interlaced, damaged, and made to harm."""

import itertools
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.foundation.png import Header, NotPng, header_of, is_transparent
from tests.pictures import LOGO, png

LARGEST = 300  # pixels of a side

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(kind, depth) for kind, depths in DEPTHS.items() for depth in depths]
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip

Pixels = list[list[bytes]]


def chunk(kind: bytes, body: bytes) -> bytes:
    """One part, with its sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def filed(*parts: bytes) -> bytes:
    """A file of these parts."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def ihdr(width: int, height: int, depth: int = 8, kind: int = 6, interlace: int = 0) -> bytes:
    """The first part."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace))


def parts_of(content: bytes) -> list[tuple[bytes, bytes]]:
    """The parts of a file that is whole."""
    parts, place = [], 8
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        parts.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return parts


IEND = chunk(b"IEND", b"")


def filtered(rows: list[bytes], pixel: int, filters: Iterator[int]) -> bytes:
    """Rows as an encoder writes them: each less what its filter foretells."""
    out, above = bytearray(), bytes(len(rows[0]) if rows else 0)
    for row in rows:
        kind = next(filters)
        out.append(kind)
        for place, one in enumerate(row):
            left = row[place - pixel] if place >= pixel else 0
            up = above[place]
            corner = above[place - pixel] if place >= pixel else 0
            nearest = min((left, up, corner), key=lambda n: abs(left + up - corner - n))
            out.append((one - (0, left, up, (left + up) // 2, nearest)[kind]) & 0xFF)
        above = row
    return bytes(out)


def encoded(pixels: Pixels, kind: int, depth: int, filters: Iterator[int], *, woven: bool) -> bytes:
    """A picture of whole-byte pixels."""
    size, packed = SAMPLES[kind] * depth // 8, b""
    for column, row, right, down in PASSES if woven else ((0, 0, 1, 1),):
        rows = [b"".join(line[column::right]) for line in pixels[row::down]]
        packed += filtered([one for one in rows if one], size, filters)
    head = ihdr(len(pixels[0]), len(pixels), depth, kind, int(woven))
    return filed(head, chunk(b"IDAT", zlib.compress(packed)), IEND)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Pixels, int, int]:
    """Pixels with an alpha channel, mostly opaque."""
    kind, depth = draw(st.sampled_from([(4, 8), (4, 16), (6, 8), (6, 16)]))
    alpha = depth // 8
    size = SAMPLES[kind] * alpha
    width, height = draw(st.integers(1, 11)), draw(st.integers(1, 11))
    row = st.lists(st.binary(min_size=size - alpha, max_size=size - alpha), min_size=width,
                   max_size=width)  # fmt: skip
    colours = draw(st.lists(row, min_size=height, max_size=height))
    opaque = b"\xff" * alpha
    pixels = [[one + opaque for one in line] for line in colours]
    if draw(st.booleans()):
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        through = draw(st.binary(min_size=alpha, max_size=alpha).filter(lambda one: one != opaque))
        pixels[y][x] = pixels[y][x][:-alpha] + through
    return pixels, kind, depth


@given(pictures(), st.lists(st.integers(0, 4), min_size=1, max_size=5), st.booleans())
def test_one_pixel_that_lets_through_is_found(
    made: tuple[Pixels, int, int], filters: list[int], woven: bool
) -> None:
    """Whatever its filters, interlaced or not; and none is found where there is none."""
    pixels, kind, depth = made
    content = encoded(pixels, kind, depth, itertools.cycle(filters), woven=woven)
    alpha = depth // 8
    expected = any(one[-alpha:] != b"\xff" * alpha for line in pixels for one in line)
    assert is_transparent(content) is expected
    assert header_of(content) == Header(len(pixels[0]), len(pixels), depth, kind, woven)


@pytest.mark.parametrize(("kind", "depth"), KINDS)
@pytest.mark.parametrize("declared", [False, True])
def test_every_kind(kind: int, depth: int, *, declared: bool) -> None:
    """Without an alpha channel a picture is transparent if it says so."""
    length = (5 * SAMPLES[kind] * depth + 7) // 8
    rows = (b"\0" + b"\xff" * length) * 3
    palette = [chunk(b"PLTE", b"abc" * 2)] if kind == 3 else []
    says = [chunk(b"tRNS", b"\xff\0")] if declared else []
    packed = chunk(b"IDAT", zlib.compress(rows))
    content = filed(ihdr(5, 3, depth, kind), *palette, *says, packed, IEND)
    assert is_transparent(content) is (declared and kind not in {4, 6})


@pytest.mark.parametrize(
    ("alpha", "found"), [(b"\xff", False), (b"\xff\xff\0", False), (b"\xfe", True)]
)
def test_a_palette_whose_colours_are_opaque(alpha: bytes, found: bool) -> None:
    """Is not transparent, though it speaks of it; more than it has colours say nothing."""
    parts = (ihdr(1, 1, 8, 3), chunk(b"PLTE", b"abcdef"), chunk(b"tRNS", alpha))
    content = filed(*parts, chunk(b"IDAT", zlib.compress(b"\0\0")), IEND)
    assert is_transparent(content) is found


ROW = zlib.compress(b"\0\0\0\0\0")
IDAT = chunk(b"IDAT", ROW)
HEAD = ihdr(1, 1)

DAMAGED = {
    "nothing": b"",
    "a JPEG": b"\xff\xd8\xff\xe0",
    "the signature alone": filed(),
    "cut in a length": filed(HEAD, b"\0\0"),
    "cut in a part": filed(HEAD, IDAT[:-5]),
    "a wrong sum": filed(HEAD, IDAT[:-1] + b"!", IEND),
    "a length beyond the end": filed(HEAD, b"\xff\xff\xff\xffIDAT", IEND),
    "no end": filed(HEAD, IDAT),
    "something after the end": filed(HEAD, IDAT, IEND, b"\0"),
    "an end that holds something": filed(HEAD, IDAT, chunk(b"IEND", b"x")),
    "no header": filed(IDAT, IEND),
    "two headers": filed(HEAD, HEAD, IDAT, IEND),
    "a short header": filed(chunk(b"IHDR", b"\0" * 12), IDAT, IEND),
    "no pixels": filed(HEAD, IEND),
    "pixels in two places": filed(HEAD, IDAT, chunk(b"tEXt", b"x"), IDAT, IEND),
    "an unknown critical part": filed(HEAD, chunk(b"ABCD", b""), IDAT, IEND),
    "two palettes": filed(HEAD, chunk(b"PLTE", b"abc"), chunk(b"PLTE", b"abc"), IDAT, IEND),
    "a palette of halves": filed(HEAD, chunk(b"PLTE", b"ab"), IDAT, IEND),
    "no palette": filed(ihdr(1, 1, 8, 3), chunk(b"IDAT", zlib.compress(b"\0\0")), IEND),
    "a palette too large": filed(
        ihdr(1, 1, 1, 3), chunk(b"PLTE", b"abc" * 3), chunk(b"IDAT", zlib.compress(b"\0\0")), IEND
    ),
    "no width": filed(ihdr(0, 1), IDAT, IEND),
    "no height": filed(ihdr(1, 0), IDAT, IEND),
    "an unknown colour type": filed(ihdr(1, 1, 8, 5), IDAT, IEND),
    "an unknown depth": filed(ihdr(1, 1, 4, 6), IDAT, IEND),
    "an unknown weave": filed(ihdr(1, 1, 8, 6, 2), IDAT, IEND),
    "an unknown packing": filed(
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 6, 1, 0, 0)), IDAT, IEND
    ),
    "an unknown filtering": filed(
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 6, 0, 1, 0)), IDAT, IEND
    ),
    "an unknown filter": filed(HEAD, chunk(b"IDAT", zlib.compress(b"\5\0\0\0\xff")), IEND),
    "what is not packed": filed(HEAD, chunk(b"IDAT", b"\0\0\0\0\0"), IEND),
    "too few pixels": filed(HEAD, chunk(b"IDAT", zlib.compress(b"\0\0\0\0")), IEND),
    "too many pixels": filed(HEAD, chunk(b"IDAT", zlib.compress(b"\0" * 6)), IEND),
    "pixels cut": filed(HEAD, chunk(b"IDAT", ROW[:-3]), IEND),
    "something after the pixels": filed(HEAD, chunk(b"IDAT", ROW + b"x"), IEND),
}


def test_the_smallest_is_one() -> None:
    """Or none of those below would show anything."""
    assert is_transparent(filed(HEAD, IDAT, IEND))
    assert is_transparent(filed(HEAD, chunk(b"IDAT", ROW[:3]), chunk(b"IDAT", ROW[3:]), IEND))
    assert is_transparent(filed(HEAD, chunk(b"PLTE", b"abc"), IDAT, chunk(b"tIME", b""), IEND))


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_damaged(content: bytes) -> None:
    """Is none."""
    with pytest.raises(NotPng):
        is_transparent(content)


@given(st.data())
def test_what_is_bent_ends_in_an_answer_or_is_none(data: st.DataObject) -> None:
    """Nothing else comes of it; the sums are put right, or nothing but them would be seen."""
    kind = data.draw(st.sampled_from([0, 2, 3, 4, 6]))
    parts = parts_of(png(9, 9, colour_type=kind, palette_alpha=data.draw(st.booleans())))
    parts = data.draw(st.permutations(parts)) if data.draw(st.booleans()) else parts
    bent = data.draw(st.integers(0, len(parts) - 1))
    body = bytearray(parts[bent][1] or b"x")
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    told = [(name, bytes(body) if n == bent else one) for n, (name, one) in enumerate(parts)]
    content = filed(*(chunk(*one) for one in told))
    with suppress(NotPng):
        header = header_of(content)
        # As its callers do: the work grows with the sides, and bent ones may be millions.
        assume(max(header.width, header.height) <= LARGEST)
        assert is_transparent(content) in {True, False}


def test_a_small_file_that_unpacks_to_a_large_one() -> None:
    """No more is unpacked than the header says: 600 KB that would be 600 MB cost neither."""
    bomb = zlib.compress(bytes(300 * 1201 * 1700), 9)
    assert len(bomb) < 1_000_000
    content = filed(ihdr(300, 300), chunk(b"IDAT", bomb), IEND)
    tracemalloc.start()
    try:
        with pytest.raises(NotPng):
            is_transparent(content)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", range(5))
def test_the_costliest_picture_is_looked_at_soon(kind: int) -> None:
    """The largest that there may be, opaque, so that every pixel is looked at."""
    pixels = [[b"\x10\x20\x30\xff\xff\xff\xff\xff"[:8]] * 300] * 300
    content = encoded(pixels, 6, 16, itertools.cycle([kind]), woven=True)
    begun = time.process_time()
    assert is_transparent(content) is False
    assert time.process_time() - begun < 2


def test_the_logo_of_the_tests() -> None:
    """Is one."""
    assert is_transparent(LOGO)
