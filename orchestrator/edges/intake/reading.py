"""Reading what senders sent, whatever it is: trees, texts, moments, and pages made of them.

Nothing here raises for a body.  A part that is missing or of another type reads as absent.  Where
a body names a thing twice the first counts: text that somebody put into a template can then change
nothing that stands before it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, TypedDict, cast
from urllib.parse import parse_qsl

from orchestrator.domain.pages import FIELD_MOST, KEY_MOST, LABELS_MOST, TITLE_MOST, digest_of
from orchestrator.domain.policies import Tree
from orchestrator.edges.intake.messages import Message
from orchestrator.foundation.instants import parse_instant

RAW_MOST: Final = 64 * 1024  # bytes of JSON that are kept of a body
DELIVERY_MOST: Final = 200  # characters of the id of a message
_BLANKS: Final = 4  # how many times as long as its JSON a body may be, by blanks and escapes
_DEPTH_MOST: Final = 64  # of what is kept: whoever writes it down again has a stack, too
_FIELDS_MOST: Final = 1_000  # of a form
_DIGITS_MOST: Final = 18  # of a number that is more than text
_FORM: Final = "application/x-www-form-urlencoded"
_OBJECT: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")  # a form writes a brace as %7B
# Each begins with one sign that must be there: looking for it from anywhere takes linear time.
_FIRST_NAME: Final = re.compile(r'\{\s*"(\w{1,64})"\s*:\s*')
_AFTER_TEXT: Final = re.compile(r'"\s*,\s*"(\w{1,64})"\s*:\s*')
_AFTER_OTHER: Final = re.compile(r',\s*"(\w{1,64})"\s*:\s*')
_UNESCAPED: Final = re.compile(r'\\(["\\/])')
_MENDED_MOST: Final = 64 * 1024  # characters in which whole pairs are looked for
_HIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")
_WEB: Final = re.compile(r"https?://[^/\s]", re.IGNORECASE)
_EARLIEST: Final = 2000  # senders write year 1 or 1970 for "not yet"
_EPOCHS: Final = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))  # from there on, a second


def tree_of(message: Message) -> Tree:
    """The body as a tree: JSON, or a form as texts by their names; None where it is neither.

    A number that is no number of JSON, or is very long, is text.
    """
    # What is said to be a form and begins so is none: curl says that of everything.
    if message.media_type == _FORM and not _OBJECT.match(message.body):
        return _form(message.body)
    try:
        return json_of(message.body)
    except (ValueError, RecursionError):  # also what is not UTF-8
        return None


def json_of(body: bytes) -> Tree:
    """The body as JSON.

    Raises:
        ValueError, RecursionError: it is none.
    """
    tree: Tree = json.loads(
        body, object_pairs_hook=_first, parse_int=_whole, parse_float=_fraction, parse_constant=str
    )
    return tree


def mended(message: Message) -> Tree:
    """A flat template whose texts broke it, with quotes or line breaks, as texts by their names.

    None where nothing like it can be seen.  The time it takes grows with the body, not faster:
    what broke it may have been written to do harm.
    """
    whole = message.body[: 4 * _MENDED_MOST].decode("utf-8", "replace")[:_MENDED_MOST].strip()
    found: dict[str, Tree] = {}
    named_at = _FIRST_NAME.match(whole)
    while named_at is not None:
        begins = named_at.end()
        quoted = whole.startswith('"', begins)
        begins += quoted
        following = (_AFTER_TEXT if quoted else _AFTER_OTHER).search(whole, begins)
        value = whole[begins : None if following is None else following.start()].rstrip()
        if following is None:
            value = value.removesuffix("}").rstrip()
            value = value.removesuffix('"') if quoted else value
        found.setdefault(named_at[1], _UNESCAPED.sub(r"\1", value))
        named_at = following
    return found or None


def at(tree: Tree, *steps: str | int) -> Tree:
    """What stands at the end of these steps; None where nothing does."""
    for step in steps:
        if isinstance(tree, dict) and isinstance(step, str):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def text(tree: Tree, *steps: str | int) -> str:
    """The text or number at the end of these steps, as one line; an empty text for all else."""
    return line(at(tree, *steps))


def line(value: Tree) -> str:
    """A text or number as one line, without what cannot be printed; an empty text for all else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return ""
    # Half a surrogate pair could not even be recorded.
    return _HIDDEN.sub(" ", value.encode("utf-8", "replace").decode()).strip()


def delivery_of(*texts: str) -> str:
    """The id of one message: the first of these, as far as it is kept and can be recorded."""
    return line(first(*texts))[:DELIVERY_MOST]


def first(*texts: str) -> str:
    """The first of these that is not empty."""
    return next((one for one in texts if one), "")


def tail(text_: str, mark: str) -> str:
    """What stands after the last mark; an empty text where there is no mark."""
    return text_.rpartition(mark)[2] if mark in text_ else ""


def address(*texts: str) -> str:
    """The first of these that leads somewhere on the web, whole; an empty text if none does."""
    return next((one for one in texts if _WEB.match(one) and len(one) <= FIELD_MOST), "")


def members(tree: Tree) -> list[Tree]:
    """The members of a list; none for all else."""
    return tree if isinstance(tree, list) else []


def moment(value: Tree) -> datetime | None:
    """A moment in UTC, in any spelling that senders use; None where there is none.

    A number is seconds, milliseconds, microseconds or nanoseconds since 1970: its size tells which.
    """
    try:
        if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
            value = int(value) if len(value) <= _DIGITS_MOST + 2 else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            unit = next((unit for least, unit in _EPOCHS if abs(value) >= least), 1)
            found = datetime.fromtimestamp(value / unit, UTC)
        elif isinstance(value, str):
            found = parse_instant(re.sub(r"(?i) utc$", "Z", value.strip()))
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.year >= _EARLIEST else None


def labels_of(tree: Tree | Mapping[str, Tree]) -> dict[str, str]:
    """Labels: a mapping of texts, or a list of names and values."""
    found: dict[str, str] = {}
    pairs: Iterable[tuple[Tree, Tree]] = tree.items() if isinstance(tree, Mapping) else ()
    if isinstance(tree, list):
        pairs = [(_name(at(one, "key")), _name(at(one, "value"))) for one in tree]
    for name, value in pairs:
        if len(found) == LABELS_MOST:
            break
        label = line(name)[:FIELD_MOST]
        if label:
            found[label] = line(value)[:FIELD_MOST]
    return found


def key_of(message: Message, *keys: str) -> str:
    """The first key that is there; failing that one that is made of the whole body."""
    return first(*keys, f"body:{hashlib.sha256(message.body).hexdigest()[:32]}")


class Named(TypedDict):
    """Whose page it is: what `Page` and `Closed` begin with."""

    source: str
    key: str
    digest: str


class Texts(TypedDict, total=False):
    """What a page says."""

    title: str
    service: str
    team: str
    url: str
    number: str
    bridge: str


def named(message: Message, key: str) -> Named:
    """Whose page it is; the key as far as it is kept, and the digest of the whole."""
    return Named(source=message.source, key=key[:KEY_MOST], digest=digest_of(message.source, key))


def bounded(**fields: str) -> Texts:
    """Texts of a page, each cut to what is kept of it."""
    cut = {
        name: value[: TITLE_MOST if name == "title" else FIELD_MOST]
        for name, value in fields.items()
    }
    return cast("Texts", cut)


def kept(message: Message, tree: Tree) -> Mapping[str, Tree]:
    """A body to be kept: nothing of one that is no mapping, too large, or too deep."""
    # Beyond that blanks cannot explain it, and looking closely would take long.
    if len(message.body) > _BLANKS * RAW_MOST or not isinstance(tree, dict) or _deeper(tree):
        return MappingProxyType({})
    written = json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace")
    if len(written) > RAW_MOST:
        return MappingProxyType({})
    # Once more, without halves of surrogate pairs.
    whole: dict[str, Tree] = json.loads(written)
    return MappingProxyType(whole)


def _deeper(tree: Tree) -> bool:
    level: list[Tree] = [tree]
    for _ in range(_DEPTH_MOST):
        below: list[Tree] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        level = below
    return bool(level)


def _name(value: Tree) -> Tree:
    """What a label is called: itself, or under "name"."""
    return at(value, "name") if isinstance(value, dict) else value


def _form(body: bytes) -> Tree:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MOST)
    except ValueError:
        return None
    return dict(reversed(pairs)) or None


def _first(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


def _whole(written: str) -> Tree:
    return int(written) if len(written) <= _DIGITS_MOST + 1 else written


def _fraction(written: str) -> Tree:
    number = float(written)
    return number if math.isfinite(number) else written
