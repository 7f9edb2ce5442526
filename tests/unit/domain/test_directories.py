"""Where a secret may be sent."""

from __future__ import annotations

import pytest

from orchestrator.domain.directories import SecretUse, host_of
from orchestrator.domain.policies import Directory


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hr.example.com/teams", "hr.example.com"),
        ("https://HR.Example.com.:443/", "hr.example.com"),
        ("http://hr.example.com:80", "hr.example.com"),
        ("https://hr.example.com:80/", "hr.example.com:80"),
        ("http://hr.example.com:8443/?x", "hr.example.com:8443"),
        ("https://[::1]/", "[::1]"),
        ("https://[::1]:8443/", "[::1]:8443"),
    ],
)
def test_a_host_is_named_with_a_port_that_is_not_its_schemes(url: str, host: str) -> None:
    """As config.yaml names it."""
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("url", "hosts", "unencrypted", "may"),
    [
        ("https://hr.example.com/teams", ["hr.example.com"], False, True),
        ("https://hr.example.com:8443/", ["hr.example.com:8443"], False, True),
        ("https://hr.example.com:8443/", ["hr.example.com"], False, False),
        ("https://evil.example/", ["hr.example.com"], True, False),
        ("https://hr.example.com.evil.example/", ["hr.example.com"], True, False),
        ("http://hr.example.com/", ["hr.example.com"], False, False),
        ("http://hr.example.com/", ["hr.example.com"], True, True),
        ("http://localhost:8080/", ["localhost:8080"], False, True),
        ("http://127.0.0.1/", ["127.0.0.1"], False, True),
        ("http://[::1]:1/", ["[::1]:1"], False, True),
        ("http://localhost.evil.example/", ["localhost.evil.example"], False, False),
        ("http://127.evil.example/", ["127.evil.example"], False, False),
    ],
)
def test_a_secret_goes_to_its_hosts_encrypted_or_to_this_machine(
    url: str, hosts: list[str], *, unencrypted: bool, may: bool
) -> None:
    """And says otherwise why not, with the mend."""
    refusal = SecretUse(frozenset(hosts), unencrypted).refusal("hr", url)
    assert (refusal == "") is may
    if refusal:
        assert 'the secret "hr" may not be sent' in refusal
        assert "config.yaml" in refusal


def test_an_address_is_shown_without_its_query() -> None:
    """Which may be long, and is nobody's business in a list."""
    assert Directory("https://hr.example.com/teams?a=1?b").shown == "https://hr.example.com/teams"
