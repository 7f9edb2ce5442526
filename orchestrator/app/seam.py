"""Where store and audit log meet: do the two tell of one history?

Looked at before anything acts.  A store that is older than its log would number its next facts as
others that are in the log already; one that is there and empty was cut off.  It refuses both, and
names the command that makes a store anew; it mends nothing itself.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.lineage import incarnations
from orchestrator.engine.lineage import LINEAGE
from orchestrator.engine.outbox import AUDIT_HEAD
from orchestrator.ports.audit import AuditFault, AuditLog, Head
from orchestrator.ports.clock import Clock
from orchestrator.ports.store import Commit, Store

REBUILD: Final = "room-orchestrator state rebuild --dry-run"


class SeamError(Exception):
    """Store and log do not fit together; the text says how, and what to do."""


async def remembered_head(store: Store) -> Head | None:
    """Where the audit log ended when we last wrote to it: what `audit verify` checks against."""
    note = await store.note(AUDIT_HEAD)
    return None if note is None else read_head(note)


def read_head(note: str) -> Head:
    """A head as the store keeps it."""
    kept = json.loads(note)
    return Head(kept["seq"], kept["hash"], kept["lines"])


def write_head(head: Head) -> str:
    """A head as the store keeps it."""
    return json.dumps({"seq": head.seq, "hash": head.hash, "lines": head.lines})


async def refuse_older(store: Store, audit: AuditLog, paths: tuple[Path, Path]) -> None:
    """Refuse a store that knows less than its log.

    Args:
        store: as it was opened.
        audit: its log, open.
        paths: of the two, for the sentence.

    Raises:
        SeamError: it is older; or the log cannot be opened.
    """
    path, log = paths
    try:
        head = await audit.head()
    except AuditFault as fault:
        message = f"the audit log cannot be written, so nothing is done: {fault}"
        raise SeamError(message) from fault
    # Its next facts would bear numbers that the log has already, and be passed over.
    behind = head.seq and not await store.facts(head.seq - 1, 1)
    remembered = await remembered_head(store)
    # The last line is another store's, which has written since this one last did.
    succeeded = not head.seq and remembered is not None and remembered.hash != head.hash
    if behind or (succeeded and remembered is not None and remembered.seq):
        which = (
            f"fact {head.seq} is in {log} and not in the store"
            if behind
            else (f"another store has written {log} since this one did")
        )
        message = (
            f"the store {path} is older than its audit log ({which}): was it restored from a copy? "
            f"Put the newer store back, or look what can be made whole:  {REBUILD}"
        )
        raise SeamError(message)


async def learn_lineage(
    store: Store, owner: str, paths: tuple[Path, Path], clock: Clock, *, was_there: bool
) -> None:
    """Note, once in a store's life, which stores were this installation's before it.

    Args:
        store: as it was opened.
        owner: whose lines count.
        paths: of the store and of its log.
        clock: for the commit.
        was_there: the store's file was there before it was opened.

    Raises:
        SeamError: the file was there and holds nothing, while the log tells of other stores.
    """
    if await store.note(LINEAGE) is not None:
        return
    path, log = paths
    known = await asyncio.to_thread(incarnations, log, owner)
    earlier = known - {store.incarnation}
    if was_there and earlier and not await store.facts(0, 1):
        message = (
            f"the store {path} is there but empty, while {log} tells of what was done: its file "
            f"was cut off. Look what can be made anew:  {REBUILD}"
        )
        raise SeamError(message)
    lineage = json.dumps(sorted(known | {store.incarnation}))
    await store.commit(Commit(notes={LINEAGE: lineage}), clock.now())
