"""Why a connection did not come about, in words that hold no address."""

import errno
import socket
import ssl

import pytest

from orchestrator.foundation.outbound import unreached


def of_tls(reason: str | None) -> ssl.SSLError:
    """What OpenSSL says; its number is none of the system's, though it is stored as one."""
    error = ssl.SSLError(1, "[SSL: WHAT] what (_ssl.c:1029)")
    error.reason = reason  # type: ignore[assignment]
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 9)"),
            "Connection refused",
        ),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "Name or service not known",
        ),
        (OSError("10.0.0.1 has no address"), "no connection"),
        (socket.gaierror(-99, "\x1b[31mred"), "31mred"),
        (of_tls("WRONG_VERSION_NUMBER"), "TLS failed (WRONG_VERSION_NUMBER)"),
        (of_tls(None), "TLS failed (SSLError)"),
    ],
)
def test_why_nobody_was_reached(error: OSError, told: str) -> None:
    """The system's words where its numbers say which, the resolver's without what steers."""
    assert unreached(error) == told
