"""Pictures for tests: PNG files of any size, with a transparent background or without."""

from __future__ import annotations

import struct
import zlib


def png(
    width: int = 120,
    height: int = 40,
    *,
    shade: int = 0x2A,
    colour_type: int = 6,
    palette_alpha: bool = False,
    padding: int = 0,
) -> bytes:
    """A picture of one shade; colour types 4 and 6 have an alpha channel, which is transparent.

    Args:
        width: in pixels.
        height: in pixels.
        shade: of all pixels.
        colour_type: as PNG counts them: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
        palette_alpha: say by ``tRNS`` that the one shade is transparent.
        padding: bytes of a text that is added.
    """
    pixel = {0: bytes([shade]), 2: bytes([shade] * 3), 3: b"\0", 4: bytes([shade, 0])}.get(
        colour_type, bytes([shade] * 3 + [0])
    )
    row = b"\0" + pixel * width
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    parts = [_chunk(b"IHDR", header)]
    if padding:
        parts.append(_chunk(b"tEXt", b"Comment\0" + b"x" * padding))
    if colour_type == 3:
        parts.append(_chunk(b"PLTE", bytes([shade] * 3)))
    if palette_alpha:
        shades = {0: 2, 2: 6}.get(colour_type)
        parts.append(_chunk(b"tRNS", b"\0" if shades is None else b"\0" * (shades - 1) + b"\1"))
    parts.append(_chunk(b"IDAT", zlib.compress(row * height)))
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


LOGO = png()
FAVICON = png(32, 32)
