"""What an answer is worth: a status, headers and bytes in; a body or a reason out. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

from orchestrator.foundation.documents import read_json
from orchestrator.ports.directories import Answered, Failed, Validators

_GZIP: Final = frozenset({"gzip", "x-gzip"})
_PLAIN: Final = frozenset({"", "identity"})
_WITH_HEADER: Final = 16 + zlib.MAX_WBITS  # zlib's way to say gzip
_TAG_MAX: Final = 1_000  # characters; a longer validator is not sent back
_MIB: Final = 1024 * 1024
# Half a minute of reading at most, in which everything else is slow; a team takes a handful.
_VALUES_MAX: Final = 2_000_000
_NEXT: Final = re.compile(r';\s*rel\s*=\s*(?:next\b|"[^"]*\bnext\b[^"]*")', re.IGNORECASE)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def understood(headers: Mapping[str, str], raw: bytes, limit: int) -> Answered | Failed:
    """Read a whole 200.

    Args:
        headers: of the answer, names without case.
        raw: the body as it came, perhaps compressed.
        limit: bytes that the body may have, compressed or not.
    """
    # RFC 8288: the subjects on the pages that follow would count as gone.
    if any(name.lower() == "link" and _NEXT.search(value) for name, value in headers.items()):
        return Failed("answered with one page of several (Link: rel=next); ask for all in one page")
    body = _plain(headers.get("Content-Encoding", "").strip().lower(), raw, limit)
    if isinstance(body, Failed):
        return body
    if body.count(b",") >= _VALUES_MAX:
        return Failed(f"answered with more than {_VALUES_MAX:,} values")
    document = read_json("", body, limit=limit, as_written=True)
    if document.problems:
        problem = document.problems[0]
        where = f", line {problem.place.line}, column {problem.place.column}"
        told = problem.message.partition("; save the file")[0]  # nobody here can
        kind = _content_type(headers)
        hint = "; is a login page or a proxy in between?" if "html" in kind else ""
        return Failed(f"answered with {kind}{where if problem.place.line else ''}: {told}{hint}")
    return Answered(body, _validators(headers))


def refused(status: int, headers: Mapping[str, str], url: str, now: datetime) -> Failed:
    """Say what another status than 200 means."""
    try:
        told = f"answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        told = f"answered {status}"
    return Failed(f"{told}{_hint(status, headers, url)}", _retry_after(headers, now))


def too_large(limit: int) -> Failed:
    """More came than is read."""
    size = f"{limit // _MIB} MiB" if limit >= _MIB else f"{limit} bytes"
    return Failed(f"answered with more than {size}")


def _hint(status: int, headers: Mapping[str, str], url: str) -> str:
    if status == 304:
        return " although nothing was asked for that it could be compared with"
    if status in _REDIRECTS:
        return _elsewhere(headers.get("Location", ""), url)
    if status in {401, 403}:
        return "; check the secret in its headers"
    if status in {404, 410}:
        return "; check the url"
    if status == 429 or status >= 500:
        return ""
    return "; only 200 counts"


def _elsewhere(location: str, url: str) -> str:
    """Where a redirect leads, without its path, which may hold anything."""
    mend = "; redirects are not followed, write the address where it is"
    try:
        parts = urlsplit(urljoin(url, location))
        lawful = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    except ValueError:
        lawful = None
        parts = urlsplit("")
    if not location or not lawful:
        return f", which leads nowhere{mend}"
    if parts.netloc == urlsplit(url).netloc and parts.scheme == urlsplit(url).scheme:
        return f", which leads to another path{mend}"
    shown = "".join(letter for letter in parts.netloc[:100] if letter.isprintable())
    return f", which leads to {parts.scheme}://{shown}{mend}"


def _plain(encoding: str, raw: bytes, limit: int) -> bytes | Failed:
    """The body without its compression; a small one may not become a large one."""
    if encoding in _PLAIN:
        return raw
    if encoding not in _GZIP:
        return Failed("answered in a compression that was not asked for")
    inflating = zlib.decompressobj(_WITH_HEADER)
    try:
        body = inflating.decompress(raw, limit + 1)
    except zlib.error:
        return Failed("answered with damaged gzip")
    if len(body) > limit:
        return too_large(limit)
    if not inflating.eof:
        return Failed("was cut off: its gzip does not end")
    if inflating.unused_data:
        return Failed("answered with something after the end of its gzip")
    return body


def _content_type(headers: Mapping[str, str]) -> str:
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind if re.fullmatch(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}", kind) else "no content type"


def _validators(headers: Mapping[str, str]) -> Validators:
    return Validators(
        *(
            value if len(value) <= _TAG_MAX and value.isprintable() else ""
            for value in (headers.get("ETag", ""), headers.get("Last-Modified", ""))
        )
    )


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for digits without end
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta())
