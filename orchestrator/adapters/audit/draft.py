"""Lines that are about to be written, each chained to the one before.

structlog serves here as the renderer of one logger that writes into this draft: no levels, no
filters, no other processors, because the chain needs exactly these bytes.
"""

from datetime import datetime
from typing import Final

import structlog

from orchestrator.adapters.audit.lines import ORDER, fields_of
from orchestrator.adapters.audit.signing import Checkpoint, SigningKey
from orchestrator.domain.facts import CHECKPOINT, RecordedFact
from orchestrator.foundation.chain import seal
from orchestrator.foundation.instants import format_instant_exactly
from orchestrator.ports.audit import Head

CHECKPOINT_EVERY: Final = 1000  # lines: each thousandth line of the log is a checkpoint


class Draft:
    """New lines in order; nothing is written, and `head` tells where the log ends with them."""

    def __init__(self, head: Head, owner: str, store: str, key: SigningKey | None) -> None:
        self.head = head
        self._owner = owner
        self._store = store
        self._key = key
        self._lines: list[str] = []
        # The draft is its own sink: structlog calls `info` with what the renderer gave.
        self._log: structlog.BoundLogger = structlog.wrap_logger(
            _Sink(self._lines),
            processors=[structlog.processors.JSONRenderer(serializer=self._seal)],
            wrapper_class=structlog.BoundLogger,
        ).bind(owner=owner, store=store)

    @property
    def text(self) -> bytes:
        """All lines, each with its newline."""
        return "".join(f"{line}\n" for line in self._lines).encode()

    def add(self, recorded: RecordedFact) -> None:
        """Add a fact, and before it the checkpoint that is due.

        Raises:
            ValueError, TypeError: it holds what may not be written (`lines.UnlistedFieldError`).
        """
        if self.head.lines % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            self.add_checkpoint(recorded.ts)
        self._log.info(**fields_of(recorded))
        self.head = Head(recorded.seq, self.head.hash, self.head.lines)

    def add_checkpoint(self, ts: datetime) -> None:
        """Vouch for all lines so far; `ts` is the moment of the fact that follows.

        The draft has no clock of its own: the same facts make the same lines, to the byte, also
        when they are written once more after a crash.
        """
        head = self.head
        detail: dict[str, int | str] = {"lines": head.lines}
        if self._key is not None:
            vouched = Checkpoint(self._owner, self._store, head.lines, head.seq, head.hash)
            detail["signed_by"] = self._key.public.id
            detail["signature"] = vouched.sign(self._key)
        moment = format_instant_exactly(ts)
        self._log.info(CHECKPOINT, ts=moment, seq=head.seq, detail=detail)

    def _seal(self, fields: dict[str, object], **_: object) -> str:
        sealed = seal(fields, ORDER, self.head.hash)
        self.head = Head(self.head.seq, sealed.hash, self.head.lines + 1)
        return sealed.text.decode()


class _Sink:
    """What structlog takes for the place where lines go."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def info(self, line: str) -> None:
        self._lines.append(line)
