"""A log in a folder, as the tests of the audit write, rotate and damage it."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from orchestrator.adapters.audit.signing import SigningKey
from orchestrator.adapters.audit.writing import LogPlace, Writer
from orchestrator.domain.facts import RecordedFact
from orchestrator.ports.audit import Head
from tests.fakes.facts import recorded_facts


class Logbook:
    """A log in a folder, written by the real writer, with what a test does to files."""

    def __init__(self, folder: Path, key: SigningKey | None = None, owner: str = "acme") -> None:
        self.folder = folder
        self.owner = owner
        self.live = folder / "audit.jsonl"
        self.key = key
        self.head = Head(0, "0" * 64, 0)

    def writer(self, store: str = "7f3a01bc", resume: Head | None = None) -> Writer:
        return Writer(LogPlace(self.live, self.owner, store, self.key, resume))

    def write(self, facts: Sequence[RecordedFact], store: str = "7f3a01bc") -> Head:
        """Append in a process of its own, as it were: open, write, close."""
        writer = self.writer(store)
        self.head = writer.append(facts, sync=False)
        writer.close()
        return self.head

    def write_to(self, last: int) -> Head:
        return self.write(recorded_facts(last))

    def rotate(self, *, packed: bool = False) -> None:
        """As logrotate does by default: .1 is the newest, what is older moves on."""
        numbered = sorted(
            self.folder.glob("audit.jsonl.*"),
            key=lambda path: int(path.name.split(".")[2]),
            reverse=True,
        )
        for path in numbered:
            number, *ending = path.name.split(".")[2:]
            path.rename(path.with_name(".".join(["audit.jsonl", str(int(number) + 1), *ending])))
        target = self.folder / "audit.jsonl.1"
        self.live.rename(target)
        if packed:
            target.with_name("audit.jsonl.1.gz").write_bytes(gzip.compress(target.read_bytes()))
            target.unlink()

    def lines(self, name: str = "audit.jsonl") -> list[bytes]:
        return (self.folder / name).read_bytes().splitlines(keepends=True)

    def put(self, lines: Sequence[bytes], name: str = "audit.jsonl") -> None:
        (self.folder / name).write_bytes(b"".join(lines))
