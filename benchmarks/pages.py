"""`page`: a page comes in; its room is known, and somebody is told. Idle, and among renewals.

Beside every page stands the least that anything must do that keeps its word: one call of the API,
and three writes with an fsync each (the page, the intent, the result).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import processes
from benchmarks.installation import Installation
from benchmarks.measures import Figure, Target, percentile
from benchmarks.progress import Progress
from benchmarks.sizes import Sizes

_IDLE: Final = Target(25.0)  # milliseconds beyond the bare minimum, p99
_BUSY: Final = Target(100.0)
_CONFIG: Final = """\
http: {{listen: "127.0.0.1:{port}", public_url: "http://127.0.0.1:{port}"}}
sources:
  own: {{type: generic, bearer: [{{file: secrets/own.token}}]}}
destinations:
  hook:
    type: webhook
    url: http://127.0.0.1:{receiver}/hook
    secret: {{file: secrets/hook.secret}}
    allow_private: [127.0.0.1]
"""
_POLICY: Final = """\
version: 1
name: oncall
on_page: {sources: [own]}
room: {type: instant, display_name: "{{ page.title }}"}
deliver: [{to: hook}]
"""


@dataclass(frozen=True, slots=True)
class _Paged:
    """An installation that takes pages."""

    made: Installation
    port: int  # of its door
    receiver: int

    def prepare(self) -> None:
        """Write what pages need beside an installation's own."""
        secrets = self.made.folder / "secrets"
        (secrets / "own.token").write_text("t" * 40)
        (secrets / "hook.secret").write_text("whsec_" + "c2VjcmV0" * 6)
        for name in ("own.token", "hook.secret"):
            (secrets / name).chmod(0o600)
        with self.made.config.open("a") as config:
            config.write(_CONFIG.format(port=self.port, receiver=self.receiver))
        (self.made.folder / "policies" / "oncall.yaml").write_text(_POLICY)

    def page(self, count: int, *, busy: int = 0) -> dict[str, Any]:
        """Page so many times, or until the API took so many PATCHes; milliseconds of each."""
        return processes.work(
            [
                *("benchmarks.paging", "--page", f"http://127.0.0.1:{self.port}/in/own"),
                *("--token", str(self.made.folder / "secrets" / "own.token")),
                *("--api", f"http://127.0.0.1:{self.made.port}", "--key", str(self.made.key)),
                *("--receiver", str(self.receiver), "--file", str(self.made.folder / "bare")),
                *("--count", str(count), "--busy", str(busy)),
            ]
        )


def pages(folder: Path, sizes: Sizes, progress: Progress) -> list[Figure]:
    """Page an idle daemon, and one that renews every room of an estate."""
    made = Installation(folder / "page", processes.free_port())
    made.make(16)
    paged = _Paged(made, processes.free_port(), processes.free_port())
    paged.prepare()
    progress.step("page: an estate")
    made.seed(1, sizes.renewals)
    figures: list[Figure] = []
    with processes.api(made) as api, processes.daemon(made) as daemon:
        processes.quiet(daemon)
        paged.page(3)  # the first room, and Python's own warming up
        progress.step("page: idle")
        figures += _figures("idle", paged.page(sizes.pages), _IDLE)
        for delay in (0.0, 0.05):
            processes.quiet(daemon)
            progress.step("page: among renewals")
            api.reset(delay=delay)
            made.put("estate-000", sizes.renewals, lifetime=f"{110 if delay else 120}d")
            api.wait(1)
            times = paged.page(sizes.pages * 10, busy=sizes.renewals)
            work = f"during {sizes.renewals:,} renewals, API answering in {1000 * delay:g} ms"
            figures += _figures(work, times, _BUSY)
            api.wait(sizes.renewals)
    return figures


def _figures(work: str, times: dict[str, list[float]], target: Target) -> list[Figure]:
    """What pages took beyond the bare minimum of the same moments."""
    figures = []
    for name, what in (("known", "page → room known"), ("delivered", "page → delivered")):
        for percent in (50, 99):
            ours = percentile(times[name], percent)
            call, syncs = (percentile(times[one], percent) for one in ("call", "syncs"))
            figures.append(
                Figure(
                    "page",
                    work,
                    f"{what}, p{percent}, beyond a bare call and three bare fsyncs",
                    ours - call - syncs,
                    "ms",
                    target if percent == 99 else None,
                    {
                        "ms": ours,
                        "bare call ms": call,
                        "three fsyncs ms": syncs,
                        "÷ bare call": ours / call,
                        "pages": float(len(times[name])),
                    },
                )
            )
    return figures
