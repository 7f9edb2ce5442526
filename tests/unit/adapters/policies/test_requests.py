"""The request of `for_each.http`: what its address and its headers may be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.policies.requests import (
    header_problem,
    secret_problem,
    url_problem,
    value_problem,
)
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.domain.policies import Directory, ForEach, Header, HttpSource
from orchestrator.foundation.problems import Place

READER = PolicyReader(SandboxedTemplates(), CronCalendar())
NO_ADDRESS = "is no address such as https://hr.example.com/teams"


def made(http: str, more: str = "") -> ForEach:
    """What a lawful policy with this request is made for."""
    text = (
        f"version: 1\nname: p\nfor_each:\n  http: {http}\n  key: '{{{{ item.code }}}}'\n{more}"
        "room: {type: long_term, display_name: x, lifetime: 30d}\n"
    )
    parsed = READER.parse("p.yaml", text.encode())
    assert parsed.policy is not None, parsed.problems
    assert isinstance(parsed.policy.made_for, ForEach)
    return parsed.policy.made_for


def test_a_request_is_what_the_policy_says() -> None:
    """Headers in one order, so that two policies with the same request share it."""
    found = made(
        "{url: 'https://hr.example.com/teams?a=1', every: 1h, select: teams, headers: "
        "{X-Team: a, Authorization: {secret: hr, prefix: 'Bearer '}, Accept: {text: b}}}"
    )
    headers = (
        Header("Accept", "b"),
        Header("Authorization", "Bearer ", "hr"),
        Header("X-Team", "a"),
    )
    assert found.source == HttpSource(
        Directory("https://hr.example.com/teams?a=1", headers),
        "teams",
        timedelta(hours=1),
        Place("p.yaml", 4, 15),
        Place("p.yaml", 4, 70),
    )


def test_what_is_not_said_has_its_default() -> None:
    """The whole answer, every ten minutes, and at least one subject."""
    found = made("{url: 'https://hr.example.com/'}")
    assert isinstance(found.source, HttpSource)
    assert (found.source.select, found.source.every) == ("@", timedelta(minutes=10))
    assert found.min_items == 1
    assert made("{url: 'https://hr.example.com/'}", "  min_items: 0\n").min_items == 0


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://hr.example.com/teams", None),
        ("HTTP://[::1]:8080/a/@/b?x=y&author=anna", None),
        ("https://hr.example.com/%7Bteam%7D", None),
        ("https://" + "a" * 2_000, "has 2008 characters; at most 2000 are read"),
        ("https://hr.example.com:99999/", NO_ADDRESS),
        ("https://hr.example.com:0/", NO_ADDRESS),
        ("https://[::1/", NO_ADDRESS),
        ("https://[::1]evil.example/", NO_ADDRESS),
        ("https://evil.example\\.hr.example.com/", NO_ADDRESS),
        ("https:///teams", NO_ADDRESS),
        ("file:///etc/passwd", NO_ADDRESS),
        ("hr.example.com/teams", NO_ADDRESS),
        ("https://hr.example.com/a b", NO_ADDRESS),
        ("https://hr.example.com/caf\u00e9", NO_ADDRESS),
        ("https://hr.example.com/\r\nX: y", NO_ADDRESS),
        ("https://hr.example.com/#", "may not end in #…, which is never sent"),
        ("https://@hr.example.com/", "may hold no user and password"),
    ],
)
def test_an_address(url: str, problem: str | None) -> None:
    """What can be asked, and why the rest cannot."""
    found = url_problem(url)
    assert found == problem or (problem is not None and (found or "").startswith(problem))


@pytest.mark.parametrize(
    "name",
    ["api_key", "apikey", "access-token", "client_secret", "password", "sig_session", "Signature"],
)
def test_a_query_may_hold_no_secret(name: str) -> None:
    """Such addresses end in logs; `api_key` and its like belong into a header."""
    assert "looks like a secret" in (url_problem(f"https://hr.example.com/?a=b&{name}=x") or "")


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("Authorization", "x", True),
        ("Proxy-Authorization", "x", True),
        ("Cookie", "a=b", True),
        ("X-Api-Key", "x", True),
        ("x-auth-token", "x", True),
        ("X-Team", "Bearer abc", True),
        ("X-Team", "basic YTpi", True),
        ("X-Team", "Bearer", False),
        ("Accept-Language", "en", False),
        ("X-Tenant", "acme", False),
    ],
)
def test_a_plain_header_may_hold_no_secret(name: str, value: str, *, secret: bool) -> None:
    """By its name or by its value; the mend does not repeat the value."""
    found = secret_problem(name, value)
    assert (found is not None) is secret
    assert "abc" not in (found or "")


def test_headers_and_values() -> None:
    """A token; printable ASCII, not too long; and none that we say ourselves."""
    assert header_problem("X-Team") is None
    for name in ("", "X Team", "X:", "Caf\u00e9", "a" * 101):
        assert header_problem(name) == "is no name of a header"
    for name in ("host", "Content-Length", "Range", "if-none-match", "Accept-Encoding"):
        assert header_problem(name) == "is not for policies to say; leave it out"
    assert value_problem("a b ~") is None
    assert value_problem("a" * 2_001) == "has 2001 characters; at most 2000 are read"
    for value in ("a\nb", "a\x00", "\u00e9"):
        assert value_problem(value) == "may hold printable ASCII characters only"
