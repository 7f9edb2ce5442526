"""Pasting: words of ours and of others, written so that a shell or a YAML file reads them back.

Keys, ids and paths come from elsewhere and may hold whatever a shell acts on.  Whoever prints a
command or a line of a file that is to be pasted writes them by these two and by nothing else; it
refuses no text, and what needs no quotes gets none.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Final

_RUN: Final = re.compile(r" (?= )")
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
# What YAML 1.1 or 1.2 would read as something else than a text (its sections on bool and null).
_OTHER: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


def shell_word(text: object) -> str:
    """A text as one word of a POSIX shell: as it is, or in quotes.

    Blanks never stand side by side, because pages fold such and plans part lines by them: the
    quotes are closed and opened again between two.
    """
    return _RUN.sub(" ''", shlex.quote(str(text)))


def yaml_scalar(text: str) -> str:
    """A text as a scalar of YAML, also within brackets and braces: as it is, or in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER:
        return text
    return json.dumps(text, ensure_ascii=False)
