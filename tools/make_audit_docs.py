"""Writes docs/audit.md from the code, so that it cannot say anything else than the log does.

Usage: ``python tools/make_audit_docs.py`` writes the page; with ``--check`` it only compares, and
ends with 1 where the page is not what it should be.
"""

import sys
from pathlib import Path

from orchestrator.adapters.audit.draft import CHECKPOINT_EVERY
from orchestrator.adapters.audit.lines import FIELDS
from orchestrator.domain.facts import CATALOGUE, CHANGED

PAGE = Path(__file__).parent.parent / "docs" / "audit.md"

HEAD = """\
# The audit log

<!-- Made by tools/make_audit_docs.py from the code; change it there. -->

What the daemon did, to which room, on whose word and why: one JSON object a line, UTF-8, in the
order in which it happened. A fact is committed in the store together with the change that it
tells of, and written into the log afterwards: at least once on the way, once in the log. What is
read here about names and fields is an interface: they do not change their meaning, and new ones
may come.

## A line

Fields stand in this order. What is empty is left out.

| Field | Meaning |
| --- | --- |
"""

CHANGES = """
`before` and `after` name only these, each by its path in the API or in a policy: {changed}.

A host link, a token, a private key or a webhook's secret is never written: there is no field for
one, and a fact that carries a field which is not listed here is refused.

## Events

| Event | What happened | `detail` may hold |
| --- | --- | --- |
"""

REST = """
## The chain

Each line names the hash of the line before (`prev`) and its own (`hash`): SHA-256 over the 64
digits of `prev` and the bytes of the line as it reads without `,"hash":"…"`. The first line of
all has 64 zeros as its `prev`. The hash is of the bytes as they stand, so no other spelling of
the same values passes for the line. With a shell, for line 7:

```sh
line=$(sed -n 7p audit.jsonl)
prev=$(printf %s "$line" | sed 's/.*,"prev":"\\([0-9a-f]*\\)".*/\\1/')
printf '%s%s' "$prev" "$(printf %s "$line" | sed 's/,"hash":"[0-9a-f]*"}}$/}}/')" | sha256sum
```

The same facts always make the same lines, to the byte. So a log that lost its last lines in a
power cut is completed from the store as it was, and a torn last line is cut off and written once
more.

## Checkpoints

Every {every:,}th line, and the first line of each file after a rotation, is an
`audit.checkpoint`: it tells how many lines stand before it and, where `audit.signing_key` is set,
signs that number and the hash before it with Ed25519. `signed_by` names the key: the first 16
digits of the SHA-256 of the public key's 32 bytes. `init` makes a key. A checkpoint is no fact:
it bears the number of the fact before it and the moment of the one after it.

Signed is the text of these six lines, joined by newlines and without one at its end:
`room-orchestrator audit 1`, owner, store, number of lines, number of the last fact, the hash
before it.

## What `audit verify` finds

It reads the live file and all rotated ones, plain or packed, puts them in order by what they
hold, and goes on after the first finding. Each finding names file, line and, where it can be
believed, number.

| Done to the log | Found as |
| --- | --- |
| a byte changed | `altered`, or `damaged` where it is no line any more |
| a line removed | `missing`, at the line that follows now, with the numbers that are gone |
| lines swapped, or there twice | `misplaced`, and `missing` where the line should be |
| the file cut in mid-line | `torn` |
| lines removed at the end | `end`: the store remembers the last line's number and hash |
| a rotated file missing | `missing` between two files; `beginning` if it was the oldest |
| a file that cannot be read or unpacked | `unreadable`, from that line on |
| a checkpoint that counts wrong, is signed wrong, by another key, or not any more | `checkpoint` |

The report ends with what it covered: lines and files, from when to when, whether the end is the
one that the store remembers, and up to which fact a good signature vouches. Where old files were
removed on purpose, tell it so, and the log may begin anywhere.

## What it does not prove

- *Against somebody who holds both the store and the signing key it proves nothing.* They can
  write the whole log anew, sign it, and put its end into the store. If that is your worry, send
  the lines to another machine as they are written, or keep copies of `audit.head` elsewhere.
- Without a signing key, somebody who can write the log and the store can do the same. Somebody
  who can write the log alone cannot.
- Lines after the head that the store remembers (a second's worth, when the daemon was killed just
  then) are chained, but nothing outside of the log vouches for them.
- It tells what this daemon did and saw. What others did with the same API shows only where the
  daemon noticed (`room.lost`, `room.link.changed`).
- Moments are those of the daemon's wall clock.

## Rotation

Rename the file whenever you like: the daemon notices that its path leads elsewhere, begins a new
file with a checkpoint and carries the chain over. No signal is needed.
`deploy/logrotate/room-orchestrator` does it weekly and keeps every file, because a removed file
cannot be told from a stolen one. Rotated files are known by their names: `audit.jsonl.1`,
`audit.jsonl.2.gz`, `audit.jsonl-20261122`, `audit-20261122.jsonl`. The log and its rotated files
lie in one folder. Files have mode 0640: their group may read.

## Reading it

```sh
room-orchestrator audit tail -f
room-orchestrator audit search "Checkout room" --event room.deleted,room.lost
room-orchestrator audit show 90133
room-orchestrator audit verify
room-orchestrator audit export --format csv
jq -c 'select(.event == "room.deleted") | [.ts, .detail.display_name, .actor, .reason]' audit.jsonl
```

`search` finds by what was true at the time: names, meeting codes, guest links, keys and ids as
they were then, over all files, and ends with what it covered, so that nothing found is an answer
too. `show` adds the trail: the facts of the same operation, those that `cause` names by number
(`#88040`), and the loading of the policy version that acted. In a CSV export, a cell that a
spreadsheet would take for a formula begins with a quote; for evidence take the lines.
"""


def page() -> str:
    """The whole page as Markdown."""
    fields = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in FIELDS.items())
    events = "".join(
        f"| `{event}` | {kind.meaning} | {_names(kind.detail)} |\n"
        for event, kind in CATALOGUE.items()
    )
    changed = _names(CHANGED)
    rest = REST.format(every=CHECKPOINT_EVERY)
    return HEAD + fields + CHANGES.format(changed=changed) + events + rest


def _names(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def main(arguments: list[str]) -> int:
    """Write or compare; the exit code."""
    if arguments == ["--check"]:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
            return 0
        print("docs/audit.md is not what the code says: python tools/make_audit_docs.py")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
