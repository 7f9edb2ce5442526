"""How a page looks: ours, or as the theme of its room has it.

A theme gives a band in its colour with a text that can be read on it, its pictures, and its text. A
page asks its own server alone. One that only tells something asks for pictures and runs nothing;
one on which people meet runs the scripts of this server, and no others.
"""

import base64
import functools
import hashlib
from dataclasses import dataclass
from html import escape
from typing import Final

from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.model.colors import WHITE, text_on
from orchestrator.meetings_server.model.themes import Theme

_STYLE: Final = """
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  font: 1.125rem/1.5 system-ui, sans-serif; color: #1b1b1f; background: #f6f6f8; }
main { max-width: 36rem; margin: 1.5rem; padding: 2rem; border-radius: 0.75rem;
  background: #fff; border: 1px solid #c9c9d1; overflow-wrap: anywhere; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0.5rem 0 0; }
.state { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  body { color: #ececf1; background: #141417; }
  main { background: #1f1f24; border-color: #4a4a55; }
}
"""

# The band reaches to the edges of its box, whose padding it takes back. A coloured logo may have
# the band's own colour, so it stands on white, and a white one on what is dark.
_BAND: Final = """\
header {{ margin: -2rem -2rem 1.5rem; padding: 1rem 2rem; display: flex; flex-wrap: wrap;
  align-items: center; gap: 1rem; border-radius: calc(0.75rem - 1px) calc(0.75rem - 1px) 0 0;
  border-bottom: 1px solid #c9c9d1; color: {text}; background: {color}; }}
header p {{ margin: 0; min-width: 0; font-weight: 600; }}
header img {{ display: block; max-width: 100%; max-height: 4rem; box-sizing: border-box; }}
.on-white, .on-dark {{ padding: 0.375rem; border-radius: 0.375rem; background: #fff; }}
.on-dark {{ background: #1b1b1f; }}
@media (prefers-color-scheme: dark) {{ header {{ border-color: #4a4a55; }} }}
"""

# What the style of the meeting page takes for its own where nothing else is said.
_COLORS: Final = """\
:root {{ --brand: {color}; --on-brand: {text}; --primary: {color}; --on-primary: {text}; }}
"""

# `connect-src 'self'` is the meeting socket, which has this very origin; a medium may add its own.
_MEETING_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self'; "
    "connect-src 'self'{reach}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Look:
    """What a page is dressed in.

    Attributes:
        style: all of it that is the page's own, as it stands between its tags.
        policy: what the page may fetch and run, as a header has it.
        title: what stands after the page's own title.
        icon: a tag for the page's head.
        band: a tag that stands above everything.
    """

    style: str
    policy: str
    title: str = ""
    icon: str = ""
    band: str = ""


def look_of(theme: Theme | None, links: Links) -> Look:
    """The look of a room's page; None: the room has no theme."""
    if theme is None:
        return Look(_STYLE, _policy(_STYLE))
    style = _STYLE + _BAND.format(color=theme.main_color, text=text_on(theme.main_color))
    return Look(
        style,
        # A picture of a theme lies on this very server.
        f"{_policy(style)}; img-src 'self'",
        _title(theme),
        _icon(theme, links),
        _band(theme, links),
    )


def meeting_look_of(theme: Theme | None, links: Links, origins: tuple[str, ...] = ()) -> Look:
    """The look of a page on which people meet: all of its style but the colours is an asset.

    `origins` are those that its scripts may connect to beside this server.
    """
    reach = "".join(f" {origin}" for origin in origins)
    if theme is None:
        return Look("", _MEETING_POLICY.format(styles="", reach=reach))
    style = _COLORS.format(color=theme.main_color, text=text_on(theme.main_color))
    return Look(
        style,
        _MEETING_POLICY.format(styles=f" {_digest(style)}", reach=reach),
        _title(theme),
        _icon(theme, links),
        _band(theme, links),
    )


def _title(theme: Theme) -> str:
    return f" · {escape(theme.brand_text)}"


def _icon(theme: Theme, links: Links) -> str:
    if theme.branded_favicon is None:
        return ""
    address = escape(links.logo_on_page(theme.branded_favicon))
    return f'<link rel="icon" type="image/png" href="{address}">\n'


def _band(theme: Theme, links: Links) -> str:
    brand = escape(theme.brand_text)
    return f"<header>\n{_logo(theme, links)}<p><bdi>{brand}</bdi></p>\n</header>\n"


def _logo(theme: Theme, links: Links) -> str:
    """The picture that goes with the band; its meaning stands beside it as text."""
    white, colored = theme.brand_image_white, theme.brand_image_colored
    if white is not None and text_on(theme.main_color) == WHITE:
        key, ground = white, ""
    elif colored is not None:
        key, ground = colored, ' class="on-white"'
    elif white is not None:
        key, ground = white, ' class="on-dark"'
    else:
        return ""
    return f'<img src="{escape(links.logo_on_page(key))}" alt=""{ground}>\n'


@functools.lru_cache(maxsize=256)
def _policy(style: str) -> str:
    return (
        f"default-src 'none'; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@functools.lru_cache(maxsize=256)
def _digest(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
