"""Pages to a real daemon: its door, secrets that are exchanged by a reload, and no leak of any."""

import hashlib
import hmac
import re
import signal
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.system.installation import Installation, policy
from tests.webhooks import sample

END, OLD, NEW = "e" * 64, "o" * 32, "n" * 32
SOURCES = """\
log: {level: debug}
sources:
  pagerduty: {type: pagerduty, signature: {secrets: [{file: secrets/pagerduty}]}}
  goalert: {type: goalert, token: [{file: secrets/goalert}]}
"""


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation with two sources, that logs all it can."""
    made = Installation.made(tmp_path / "rooms")
    made.config.write_text(made.config.read_text() + SOURCES)
    exchange(made, "pagerduty", OLD)
    exchange(made, "goalert", END)
    return made


def exchange(own: Installation, name: str, secret: str) -> None:
    """Write a secret into its file."""
    path = own.folder / "secrets" / name
    path.write_text(f"{secret}\n")
    path.chmod(0o600)


def post(own: Installation, path: str, name: str, secret: str = "") -> int:
    """Send a sample, signed as PagerDuty signs where there is a secret; the answer's status."""
    (*_, url) = re.findall(
        r'"url": "(http://127\.0\.0\.1:\d+)", "event": "http.listening"', own.log
    )
    host, _, port = url.removeprefix("http://").partition(":")
    body, headers = sample(name), {"Content-Type": "application/json"}
    if secret:
        made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers["X-PagerDuty-Signature"] = f"v1={made}"
    with closing(HTTPConnection(host, int(port), timeout=30)) as connection:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status


def test_p11_secrets_of_sources_are_told_nowhere(own: Installation) -> None:
    """Not in the log at its most talkative, the audit, the store, nor status."""
    own.put("teams.yaml", policy("teams", ["a"]))
    with own.daemon():
        assert post(own, "/in/pagerduty", "pagerduty-v3-incident-triggered", OLD) == 202
        assert post(own, "/in/pagerduty", "pagerduty-v3-incident-triggered", NEW) == 401
        assert post(own, "/in/pagerduty", "pagerduty-v3-pagey-ping", OLD) == 202
        assert post(own, f"/in/goalert/{END}", "goalert-alert") == 202
        assert post(own, f"/in/goalert/{END[:-1]}", "goalert-alert") == 401
        assert post(own, f"/in/{END}", "goalert-alert") == 401
        own.until(lambda: own.log.count("http.answered") >= 6, "requests are logged")
        assert own.ask("sources", "list").code == 2, "the port is another at every start"
        told = [own.log, own.ask("status", "--json").out, own.audit.read_text()]
    told += [file.read_bytes().decode(errors="replace") for file in own.folder.glob("state/o*")]
    for text in told:
        for secret in (END, OLD, NEW, END[:-1]):
            assert secret not in text
    assert "intake.refused" in own.log


def test_a_secret_is_exchanged_by_a_reload(own: Installation) -> None:
    """Two side by side, then one; a weak one is refused and all stays as it is."""
    own.configure("{file: secrets/pagerduty}", "{file: secrets/pagerduty}, {file: secrets/next}")
    exchange(own, "next", OLD)
    own.put("teams.yaml", policy("teams", ["a"]))
    page = ("/in/pagerduty", "pagerduty-v3-incident-acknowledged")
    with own.daemon() as process:
        assert post(own, *page, OLD) == 202
        exchange(own, "next", NEW)
        assert post(own, *page, NEW) == 401
        process.send_signal(signal.SIGHUP)
        own.until(lambda: own.log.count("daemon.ready") == 2, "both are taken up")
        assert post(own, *page, OLD) == 202
        assert post(own, *page, NEW) == 202
        own.configure("{file: secrets/pagerduty}, {file: secrets/next}", "{file: secrets/next}")
        process.send_signal(signal.SIGHUP)
        own.until(lambda: own.log.count("daemon.ready") == 3, "the new one alone is taken up")
        assert post(own, *page, OLD) == 401
        assert post(own, *page, NEW) == 202
        exchange(own, "goalert", "weak")
        process.send_signal(signal.SIGHUP)
        own.until(lambda: "config.rejected" in own.log, "a weak one is refused")
        assert post(own, f"/in/goalert/{END}", "goalert-alert") == 202
        assert own.log.count("http.listening") == 1
