"""QR codes of addresses (ISO/IEC 18004): an image for pages and paper, text for terminals.

The code is drawn dark on light with the quiet zone of four modules that the standard asks for,
whatever the surroundings look like: a code in a dark page's colours is one that half of all
scanners cannot read.  Error correction M: a seventh of it may be dirty.  It refuses nothing but
what is too long for any code.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

import segno

_QUIET: Final = 4  # modules around the code
# Two modules above each other in one character, by (upper is light, lower is light).
_HALVES: Final = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


@lru_cache(maxsize=256)
def drawing(text: str) -> str:
    """A code as an ``<svg>`` without a size, to stand in a page: black on its own white ground.

    Raises:
        ValueError: the text is too long for a code (2,331 bytes).
    """
    # Nothing of the text itself stands in it, so nothing in it has to be escaped.
    return str(
        _code(text).svg_inline(
            border=_QUIET, omitsize=True, light="#fff", svgclass=None, lineclass=None
        )
    )


def image(text: str) -> bytes:
    """A code as an SVG file of its own; a module is a millimetre wide.

    Raises:
        ValueError: the text is too long for a code.
    """
    written = io.BytesIO()
    plain = {"svgclass": None, "lineclass": None}
    _code(text).save(written, kind="svg", border=_QUIET, light="#fff", unit="mm", **plain)
    return written.getvalue()


def blocks(text: str) -> tuple[str, ...]:
    """A code in lines of half blocks, for white letters on a black ground.

    What is light is drawn and what is dark is left out, so the quiet zone is drawn as well and no
    line ends in spaces.

    Raises:
        ValueError: the text is too long for a code.
    """
    rows = [[not dark for dark in row] for row in _code(text).matrix_iter(border=_QUIET)]
    rows.append([True] * len(rows[0]))  # a code has an odd number of modules
    return tuple(
        "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )


def _code(text: str) -> segno.QRCode:
    try:
        return segno.make_qr(text, error="m", boost_error=False)
    except segno.DataOverflowError:
        message = f"{len(text)} characters are too many for a QR code"
        raise ValueError(message) from None
