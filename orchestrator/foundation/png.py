"""What can be known of a PNG file without drawing it: that it is one, its size, its transparency.

By the PNG specification (third edition), sections 5 to 11. Files come from anybody: nothing is
unpacked before the size in the header is known to be a small one, and then no more than such a
picture has. It refuses whatever a strict reader would: a wrong checksum, a missing or unknown
critical part, data too short or too long, and anything after the end.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = struct.Struct(">IIBBBBB")
_OPAQUE: Final = 255

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
#: Samples a pixel, and how many bits each may have, by colour type.
_TYPES: Final = {
    _GREY: (1, {1, 2, 4, 8, 16}),
    _RGB: (3, {8, 16}),
    _PALETTE: (1, {1, 2, 4, 8}),
    _GREY_ALPHA: (2, {8, 16}),
    _RGBA: (4, {8, 16}),
}
#: Of each pass of an interlaced picture: the first column and row, and the steps to the next.
_PASSES: Final = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


class NotPng(ValueError):
    """The bytes are no PNG file, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands at the beginning of a picture; sides in pixels."""

    width: int
    height: int
    depth: int
    color_type: int
    is_interlaced: bool


def header_of(content: bytes) -> Header:
    """The size and the kind of a picture.

    Raises:
        NotPng: it is none.
    """
    kind, data = next(_chunks(content))
    if kind != b"IHDR" or len(data) != _HEADER.size:
        raise NotPng
    width, height, depth, color_type, packing, filtering, interlace = _HEADER.unpack(data)
    known = color_type in _TYPES and depth in _TYPES[color_type][1]
    if not known or not width or not height or packing or filtering or interlace > 1:
        raise NotPng
    return Header(width, height, depth, color_type, interlace == 1)


def is_transparent(content: bytes) -> bool:
    """Whether some of it lets the background through; the whole file is looked at.

    Pictures with an alpha channel are held to their pixels, others to what they declare. The
    caller has found the sides to be small: memory and time grow with them.

    Raises:
        NotPng: it is none, or damaged.
    """
    header = header_of(content)
    declared, palette, packed = _parts(header, content)
    raw = _unpacked(packed, sum(1 + length for length, _ in _lines(header)))
    if header.color_type in {_GREY_ALPHA, _RGBA}:
        return _lets_through(header, raw)
    if declared is None:
        return False
    return header.color_type != _PALETTE or any(one != _OPAQUE for one in declared[:palette])


def _parts(header: Header, content: bytes) -> tuple[bytes | None, int, bytes]:
    """What says which colours are transparent, the number of colours, and the packed pixels."""
    declared: bytes | None = None
    colors = 0
    packed: list[bytes] = []
    order = [b"IHDR"]
    for kind, data in _chunks(content):
        is_again = kind == order[-1] == b"IDAT"
        match kind:
            case b"IHDR":
                pass
            case b"PLTE" if not packed and not colors and data and len(data) % 3 == 0:
                colors = len(data) // 3
            case b"tRNS" if not packed and declared is None and data:
                declared = data
            case b"IDAT" if not packed or is_again:
                packed.append(data)
            case b"IEND" if packed and not data:
                pass
            case _ if not kind[0] & 0x20:  # an upper case first letter: critical
                raise NotPng
            case _:
                pass
        order.append(kind)
    if header.color_type == _PALETTE and not 0 < colors <= 1 << header.depth:
        raise NotPng
    return declared, colors, b"".join(packed)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts in their order, the first and the last included; each checked by its sum."""
    if not content.startswith(_SIGNATURE):
        raise NotPng
    place, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        frame = content[place : place + 8]
        if len(frame) < 8:
            raise NotPng
        length, kind = int.from_bytes(frame[:4], "big"), frame[4:]
        end = place + 8 + length
        data, told = content[place + 8 : end], content[end : end + 4]
        if (place == len(_SIGNATURE)) != (kind == b"IHDR"):
            raise NotPng
        if len(told) < 4 or int.from_bytes(told, "big") != zlib.crc32(kind + data):
            raise NotPng
        yield kind, data
        place = end + 4
    if place != len(content):
        raise NotPng


def _unpacked(packed: bytes, size: int) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(packed, size + 1)
    except zlib.error as error:
        raise NotPng from error
    if len(raw) != size or not unpacking.eof or unpacking.unused_data:
        raise NotPng
    return raw


def _lines(header: Header) -> Iterator[tuple[int, bool]]:
    """The bytes of each line of pixels, and whether it begins a pass."""
    bits = _TYPES[header.color_type][0] * header.depth
    for column, row, right, down in _PASSES if header.is_interlaced else ((0, 0, 1, 1),):
        width = len(range(column, header.width, right))
        if width:
            for line in range(row, header.height, down):
                yield (width * bits + 7) // 8, line == row


def _lets_through(header: Header, raw: bytes) -> bool:
    """Whether any byte of the alpha channel, which comes last in a pixel, is not the highest.

    Filters work on the same byte of neighbouring pixels, so the other channels stay as they are.
    """
    pixel = _TYPES[header.color_type][0] * header.depth // 8
    lanes = range(pixel - header.depth // 8, pixel)
    above = dict.fromkeys(lanes, b"")
    place = 0
    for length, is_first in _lines(header):
        line = raw[place + 1 : place + 1 + length]
        for lane in lanes:
            told = line[lane::pixel]
            over = bytes(len(told)) if is_first else above[lane]
            above[lane] = _unfiltered(raw[place], told, over)
            if any(one != _OPAQUE for one in above[lane]):
                return True
        place += 1 + length
    return False


def _unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    match kind:
        case 0:
            return line
        case 1:
            found, left = bytearray(), 0
            for one in line:
                left = (one + left) & 0xFF
                found.append(left)
            return bytes(found)
        case 2:
            return bytes((one + up) & 0xFF for one, up in zip(line, above, strict=True))
        case 3:
            found, left = bytearray(), 0
            for one, up in zip(line, above, strict=True):
                left = (one + (left + up) // 2) & 0xFF
                found.append(left)
            return bytes(found)
        case 4:
            found, left = bytearray(), 0
            for one, (corner, up) in zip(line, pairwise(b"\0" + above), strict=True):
                left = (one + _nearest(left, up, corner)) & 0xFF
                found.append(left)
            return bytes(found)
        case _:
            raise NotPng


def _nearest(left: int, up: int, corner: int) -> int:
    """Paeth's predictor."""
    guess = left + up - corner
    to_left, to_up, to_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner
