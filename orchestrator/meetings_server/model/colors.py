"""Which text can be read on a colour: by the contrast of WCAG 2.1, section 1.4.3."""

from typing import Final

BLACK: Final = "#000"
WHITE: Final = "#fff"


def text_on(color: str) -> str:
    """Black or white, whichever stands out more; that is at least 4.5 to 1 on every colour."""
    light = _luminance(color)
    # (light + 0.05) / 0.05 is the contrast to black, 1.05 / (light + 0.05) that to white.
    return BLACK if (light + 0.05) ** 2 > 0.05 * 1.05 else WHITE


def contrast(one: str, other: str) -> float:
    """From 1, the same, to 21, black on white."""
    lights = sorted((_luminance(one), _luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(color: str) -> float:
    digits = color.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (_linear(int(digits[place : place + 2], 16) / 255) for place in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
