"""Every way in which a directory's answer is none, with what people are told of it.

Tests of the adapter and of the whole daemon stand on this one table.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from orchestrator.adapters.directories.fetching import Bounds
from tests.fakes.service import Said, as_json, chunked, message, until_closed, whole, zipped

# Small, so that too long and too much are had at once.
BOUNDS: Final = Bounds(
    connect=timedelta(seconds=5), total=timedelta(milliseconds=300), size=8 * 1024
)
TEAMS: Final = as_json([{"slug": "checkout", "name": "Checkout"}, {"slug": "search"}])
LOGIN: Final = b"<html><title>Sign in</title></html>"


@dataclass(frozen=True)
class Mishap:
    """What the service says, and the reason that follows the address in every message."""

    said: Said
    reason: str


def _status(status: str, **headers: Any) -> Said:
    return Said(message(b"nobody may see hunter2", status, **headers))


ANSWERS: Final = {
    "half by its length": Mishap(Said(message(TEAMS[:40], length=len(TEAMS))), "was cut off"),
    "half in chunks": Mishap(Said(chunked(TEAMS, ends=False)), "was cut off"),
    "half until closed": Mishap(
        Said(until_closed(TEAMS[:-9])),
        "answered with application/json, line 1, column 53: is not JSON: unterminated string "
        "starting at",
    ),
    "half by gzip": Mishap(Said(zipped(TEAMS, cut=6)), "was cut off: its gzip does not end"),
    "nothing at all": Mishap(Said(b""), "closed the connection before it answered"),
    "half a head": Mishap(
        Said(b"HTTP/1.1 200 OK\r\nContent-"), "closed the connection before it answered"
    ),
    "no HTTP": Mishap(
        Said(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        "answered with what is no HTTP, or with a head that is too long; check the url",
    ),
    "a head without end": Mishap(
        Said(message(TEAMS, Set_Cookie="hunter2" * 9_000)),
        "answered with what is no HTTP, or with a head that is too long; check the url",
    ),
    "an empty body": Mishap(
        Said(message(b"")), "answered with application/json, line 1, column 1: is empty"
    ),
    "slow to begin": Mishap(Said(b"", stays=True), "did not answer within 0.3s"),
    "slow to end": Mishap(
        Said(message(TEAMS[:40], length=len(TEAMS)), stays=True), "did not answer within 0.3s"
    ),
    "HTML": Mishap(
        Said(message(LOGIN, Content_Type="text/html; charset=utf-8")),
        "answered with text/html, line 1, column 1: is not JSON: a value belongs here; is a login "
        "page or a proxy in between?",
    ),
    "HTML called JSON": Mishap(
        Said(message(LOGIN)),
        "answered with application/json, line 1, column 1: is not JSON: a value belongs here",
    ),
    "no UTF-8": Mishap(
        Said(message(b'["caf\xe9"]')),
        "answered with application/json, line 1, column 6: is not UTF-8: byte 0xE9",
    ),
    "a key twice": Mishap(
        Said(message(b'[{"slug": "a", "slug": "b"}]')),
        'answered with application/json, line 1, column 16: "slug" stands twice here, first on '
        "line 1",
    ),
    "two texts": Mishap(
        Said(message(b"[] []")),
        "answered with application/json, line 1, column 4: is not JSON: something stands after "
        "the end",
    ),
    "too deep": Mishap(
        Said(message(b"[" * 200 + b"]" * 200)),
        "answered with application/json, line 1, column 101: is nested deeper than 100 levels",
    ),
    "500": Mishap(_status("500 Internal Server Error"), "answered 500 Internal Server Error"),
    "503": Mishap(_status("503 Unavailable"), "answered 503 Service Unavailable"),
    "429": Mishap(_status("429 Slow Down"), "answered 429 Too Many Requests"),
    "404": Mishap(_status("404 Not Found"), "answered 404 Not Found; check the url"),
    "401": Mishap(
        _status("401 Unauthorized"), "answered 401 Unauthorized; check the secret in its headers"
    ),
    "403": Mishap(
        _status("403 Forbidden"), "answered 403 Forbidden; check the secret in its headers"
    ),
    "206": Mishap(_status("206 Partial Content"), "answered 206 Partial Content; only 200 counts"),
    "204": Mishap(
        Said(b"HTTP/1.1 204 No Content\r\n\r\n"), "answered 204 No Content; only 200 counts"
    ),
    "no known status": Mishap(_status("299 Odd"), "answered 299; only 200 counts"),
    "a redirect": Mishap(
        _status("302 Found", Location="http://169.254.169.254/latest?token=hunter2"),
        "answered 302 Found, which leads to http://169.254.169.254; redirects are not followed, "
        "write the address where it is",
    ),
    "a redirect here": Mishap(
        _status("308 Permanent Redirect", Location="/v2/teams"),
        "answered 308 Permanent Redirect, which leads to another path; redirects are not "
        "followed, write the address where it is",
    ),
    "a redirect to nothing": Mishap(
        _status("301 Moved Permanently", Location="http://[hunter2/"),
        "answered 301 Moved Permanently, which leads nowhere; redirects are not followed, write "
        "the address where it is",
    ),
    "a redirect with a user": Mishap(
        _status("302 Found", Location="http://anna:hunter2@example.com/"),
        "answered 302 Found, which leads nowhere; redirects are not followed, write the address "
        "where it is",
    ),
    "too large by its length": Mishap(
        Said(message(b"[]", length=9_000)), "answered with more than 8192 bytes"
    ),
    "too large in chunks": Mishap(
        Said(chunked(as_json(["x" * 9_000]))), "answered with more than 8192 bytes"
    ),
    "a gzip bomb": Mishap(
        Said(zipped(b"[" + b" " * 2_000_000 + b"]")), "answered with more than 8192 bytes"
    ),
    "no gzip": Mishap(Said(message(TEAMS, Content_Encoding="gzip")), "answered with damaged gzip"),
    "more than gzip": Mishap(
        Said(message(gzip.compress(TEAMS) + b"[]", Content_Encoding="gzip")),
        "answered with something after the end of its gzip",
    ),
    "another compression": Mishap(
        Said(message(TEAMS, Content_Encoding="br")),
        "answered in a compression that was not asked for",
    ),
}

# Whole answers of which `select` makes no list of subjects; the problem stands in the policy.
SHAPES: Final = {
    "empty": (
        whole({"teams": []}),
        (
            "{url} answered with no subject at all; nothing is changed. If that can be true, write "
            "min_items: 0"
        ),
    ),
    "nothing selected": (
        whole({"error": "hunter2"}),
        (
            "select makes nothing (null) of the answer of {url}; it must make a list of texts or "
            "mappings. Nothing is changed"
        ),
    ),
    "a mapping": (
        whole({"teams": {"slug": "hunter2"}}),
        (
            "select makes a mapping of the answer of {url}; it must make a list of texts or "
            "mappings. Nothing is changed"
        ),
    ),
    "a text": (
        whole({"teams": "hunter2"}),
        (
            "select makes a single text or number of the answer of {url}; it must make a list of "
            "texts or mappings. Nothing is changed"
        ),
    ),
    "a list in it": (
        whole({"teams": [{"slug": "checkout"}, ["hunter2"]]}),
        (
            "select makes a list of the answer of {url} whose member 2 is a list, not a text or a "
            "mapping. Nothing is changed"
        ),
    ),
    "a null in it": (
        whole({"teams": [None]}),
        (
            "select makes a list of the answer of {url} whose member 1 is nothing (null), not a "
            "text or a mapping. Nothing is changed"
        ),
    ),
}
