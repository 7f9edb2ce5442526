"""What the doctor says of the certificate that the embedded Meetings server shows to others.

It reads the files as the server does, and looks at how long the certificate holds: whether it names
the right host, only those who connect can tell.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.domain.reports import Finding, Health
from orchestrator.meetings_server import TlsFiles, tls_context

_PART: Final = "certificate"
# Programs that renew begin a month before the end: two weeks later somebody should look.
_SOON: Final = timedelta(days=14)
_OTHERS: Final = stat.S_IRWXO
_RENEW: Final = "renew it; the daemon takes up the files by itself"


def certificate_findings(meetings: EmbeddedMeetings, now: datetime) -> Iterator[Finding]:
    """What is wrong with it, or until when it is good; nothing where there is none."""
    if meetings.certificate is None:
        return
    files = TlsFiles(meetings.certificate, meetings.certificate_key)
    try:
        tls_context(files)
        shown, *_ = x509.load_pem_x509_certificates(files.certificate.read_bytes())
    except (ValueError, OSError) as error:
        told, _, mend = str(error).partition("; ")
        yield Finding(_PART, Health.WRONG, told, mend)
        return
    key = files.key or files.certificate
    if key.stat().st_mode & _OTHERS:
        yield Finding("file rights", Health.WRONG, f"{key} is open to others", f"chmod 600 {key}")
    end = shown.not_valid_after_utc
    day = f"{end:%Y-%m-%d}"
    if end <= now:
        yield Finding(_PART, Health.WRONG, f"{files.certificate} ended on {day}", _RENEW)
    elif end <= now + _SOON:
        yield Finding(_PART, Health.NOTE, f"{files.certificate} ends on {day}", _RENEW)
    else:
        yield Finding(_PART, Health.OK, f"{files.certificate} is good until {day}")
