"""What the doctor says of the embedded server's certificate."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from orchestrator.app.certifying import certificate_findings
from orchestrator.config.settings import Calls, EmbeddedMeetings
from orchestrator.domain.reports import Finding, Health
from tests.tls import own_certificate

CALLS = Calls(100.0, 8, timedelta(seconds=5), 100, timedelta())


def found(
    folder: Path, certificate: Path | None, now: datetime, key: Path | None = None
) -> list[Finding]:
    """All that is said."""
    meetings = EmbeddedMeetings(
        "127.0.0.1", 0, None, folder / "m.db", folder, CALLS, certificate, key
    )
    return list(certificate_findings(meetings, now))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """One with its key, for its owner only."""
    path = own_certificate(tmp_path / "both.pem")
    path.chmod(0o600)
    return path


@pytest.fixture
def end(certificate: Path) -> datetime:
    """Until when it is good."""
    return x509.load_pem_x509_certificates(certificate.read_bytes())[0].not_valid_after_utc


@pytest.mark.parametrize(
    ("left", "health", "told"),
    [
        (timedelta(days=15), Health.OK, "is good until"),
        (timedelta(days=14), Health.NOTE, "ends on"),
        (timedelta(seconds=1), Health.NOTE, "ends on"),
        (timedelta(), Health.WRONG, "ended on"),
    ],
)
def test_how_long_it_holds(
    tmp_path: Path, certificate: Path, end: datetime, left: timedelta, health: Health, told: str
) -> None:
    """Two weeks before its end somebody is told, and what to do."""
    (finding,) = found(tmp_path, certificate, end - left)
    assert (finding.part, finding.health) == ("certificate", health)
    assert finding.told == f"{certificate} {told} {end:%Y-%m-%d}"
    assert finding.mend.startswith("renew it") is (health is not Health.OK)


def test_without_one_there_is_nothing_to_say(tmp_path: Path, end: datetime) -> None:
    """Plain HTTP is lawful."""
    assert found(tmp_path, None, end) == []


def test_what_the_server_could_not_use(tmp_path: Path, certificate: Path, end: datetime) -> None:
    """Named as the server names it, with how to mend it."""
    missing = tmp_path / "missing.pem"
    assert found(tmp_path, missing, end) == [
        Finding(
            "certificate",
            Health.WRONG,
            f"{missing}: No such file or directory",
            "put the file there, readable to this user",
        )
    ]
    certificate.write_text("nonsense")
    (finding,) = found(tmp_path, certificate, end)
    assert finding.told == f"{certificate}: it is no certificate with its private key"
    assert finding.mend == "write both in PEM"


def test_a_key_that_others_can_read(tmp_path: Path, certificate: Path, end: datetime) -> None:
    """Wherever it lies; the certificate itself is for everybody."""
    certificate.chmod(0o644)
    exposed, good = found(tmp_path, certificate, end - timedelta(days=30))
    assert (exposed.part, exposed.health) == ("file rights", Health.WRONG)
    assert exposed.mend == f"chmod 600 {certificate}"
    assert good.health is Health.OK
    key = tmp_path / "key.pem"
    key.write_bytes(certificate.read_bytes())
    key.chmod(0o640)
    (good,) = found(tmp_path, certificate, end - timedelta(days=30), key)
    assert good.health is Health.OK
