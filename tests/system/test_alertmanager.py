"""A real Alertmanager pages the daemon and resolves, set up as its integration page tells."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.system.paging import Event, Paged, paged
from tests.system.processes import free_port, leashed, until

PROGRAM: Final = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
# What a leashed Python becomes.
_BECOME: Final = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
_CONFIG: Final = """\
route:
  receiver: rooms
  group_by: [alertname, cluster]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: rooms
    webhook_configs:
      - url: {url}/in/alertmanager
        send_resolved: true
        max_alerts: 100
        http_config:
          authorization: {{credentials_file: {token}}}
"""


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A running one, by its own API."""

    url: str

    def tell(self, pod: str, *, fires: bool) -> None:
        """An alert of one group begins to fire, or is resolved."""
        now = datetime.now(UTC)
        labels = {"alertname": "CheckoutBurns", "cluster": "eu1", "severity": "page", "pod": pod}
        alert = {
            "labels": labels,
            "annotations": {"summary": "Checkout burns its error budget"},
            **({"startsAt": now.isoformat()} if fires else {"endsAt": now.isoformat()}),
        }
        self._ask("/api/v2/alerts", [alert])

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            self._ask("/-/ready")
        except OSError:
            return False
        return True

    def _ask(self, path: str, body: object = None) -> None:
        request = urllib.request.Request(  # noqa: S310 - an address of this test
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200


@contextmanager
def alerting(own: Paged, folder: Path) -> Iterator[Alertmanager]:
    """An Alertmanager that pages an installation, for the length of the block."""
    assert PROGRAM is not None, "apt-get install prometheus-alertmanager"
    config, address = folder / "alertmanager.yml", f"127.0.0.1:{free_port()}"
    token = own.own.folder / "secrets" / "alertmanager"
    config.write_text(_CONFIG.format(url=own.url, token=token))
    arguments = (
        *("-c", _BECOME, PROGRAM, f"--config.file={config}"),
        *(f"--storage.path={folder / 'alerts'}", f"--web.listen-address={address}"),
        "--cluster.listen-address=",
    )
    with (folder / "alertmanager.log").open("wb") as log, leashed(arguments, stderr=log):
        running = Alertmanager(f"http://{address}")
        until(running.is_ready, "Alertmanager answers")
        yield running


@pytest.mark.timeout(240)
@pytest.mark.skipif(
    PROGRAM is None and "CI" not in os.environ,
    reason="Alertmanager is not here: apt-get install prometheus-alertmanager",
)
def test_p06_a_real_alertmanager_pages_and_resolves(tmp_path: Path) -> None:
    """Opened, delivered, told again in part, closed; what it tells meanwhile comes again."""

    def told(own: Paged, kind: str) -> Mapping[str, Event]:
        return {event.id: event for event in own.receiver.events if event.kind == kind}

    with (
        paged(tmp_path, "close: {after: 0s}\n") as own,
        own.server(),
        alerting(own, tmp_path) as alertmanager,
    ):
        with own.own.daemon() as daemon:
            alertmanager.tell("a", fires=True)
            own.own.until(lambda: told(own, "room.opened"), "the link is told")
            own.own.until(lambda: len(own.table()) == 1, "there is a room")
            (event,) = told(own, "room.opened").values()
            (room,) = own.table()
            assert event.data["page"]["source"] == "alertmanager"
            assert event.data["page"]["title"] == "Checkout burns its error budget"
            assert event.data["page"]["severity"] == "critical"
            assert room["display_name"] == "Checkout burns its error budget"
            status, leads_to, _ = own.follow(event.data["link"])
            assert (status, leads_to.rpartition("/")[2]) == (303, room["guest_token"])
            alertmanager.tell("b", fires=True)
            alertmanager.tell("a", fires=False)
            daemon.kill()
            daemon.wait()
        assert own.table() == [room]
        # It is resolved while nobody hears of it: Alertmanager comes again.
        alertmanager.tell("b", fires=False)
        with own.own.daemon():
            own.own.until(lambda: told(own, "room.closed"), "its end is told")
            own.own.until(lambda: not own.living(), "its room has ended")
            # The same group another time: the same link, another room and another message.
            alertmanager.tell("a", fires=True)
            own.own.until(lambda: len(told(own, "room.opened")) == 2, "the link is told again")
            own.own.until(own.living, "there is a room again")
            _, again = told(own, "room.opened").values()
            assert again.data["link"] == event.data["link"]
        assert len(own.table()) == 2
        opened, closed = own.own.facts("page.opened"), own.own.facts("page.closed")
        assert [fact["detail"]["count"] for fact in opened] == [1, 2]
        assert [fact["detail"]["count"] for fact in closed] == [1]
        assert own.receiver.refused == []
