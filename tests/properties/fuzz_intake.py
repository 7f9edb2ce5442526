"""A program: throws damaged messages at every reader and every signature for as long as it is told.

    python -m tests.properties.fuzz_intake --seconds 600

It begins with the samples and vectors, changes bytes, keys, values and headers at random, and keeps
what led to an answer of a new kind, to go on from there.  It ends with the first message that
raises, or makes a signal that could not be recorded, and writes it out; otherwise it counts.
"""

import argparse
import json
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from orchestrator.domain.pages import Closed, Opened, Signal, Updated
from orchestrator.edges.intake.authentication import Lock
from orchestrator.edges.intake.cloudevents import takes
from orchestrator.edges.intake.messages import Headers, Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.signatures import Scheme, Signature
from orchestrator.edges.intake.sources import READERS, Kind
from tests.properties.test_intake import NAMES, WORDS, check, damage, options_of, paths
from tests.webhooks import SAMPLES, SOURCE, VECTORS, declared, kind_of, sample, tree

NOW: Final = datetime(2026, 11, 22, 16, tzinfo=UTC)
CORPUS_MOST: Final = 4_000
TOKENS: Final = [
    *(json.dumps(word).encode() for word in (*NAMES, *WORDS)),
    *(b"null", b"true", b"[]", b"{}", b'""', b"-0", b"1e400", b"NaN", b"9" * 30, b"\\ud800"),
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"%FF", b"&", b"=", b"[" * 200),
    *(b"0001-01-01T00:00:00Z", b"2026-11-22 15:58:41 UTC", "٣\u2028".encode()),
]
TYPES: Final = (
    *("application/json", "application/x-www-form-urlencoded", "application/cloudevents+json"),
    *("application/cloudevents-batch+json", "", "text/plain; charset=utf-16", "\udcff"),
)
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 1e300, 10**25, "", " ", "\ud83d", "x" * 2_000, [], {}, [[]], {"": ""}),
    *({"name": {"name": 1}}, "https://a/alert-groups/", "/incidents/", "resolved", "firing"),
)


@dataclass
class One:
    """One message."""

    kind: Kind
    headers: list[tuple[str, str]]
    body: bytes
    options: Options


@dataclass
class Fuzzer:
    """What has been found so far."""

    chance: random.Random
    corpus: list[One] = field(default_factory=list)
    shapes: set[object] = field(default_factory=set)
    signals: Counter[str] = field(default_factory=Counter)
    verified: int = 0
    executions: int = 0

    def begin(self) -> None:
        """Take in the samples, each for its own reader, and for one that it is not for."""
        for name in SAMPLES:
            headers = [("content-type", "application/json"), ("webhook-id", "msg_1")]
            body, options = sample(name), options_of(name)
            if name == "cloudevents-binary-page-opened":
                headers = [(str(k), str(v)) for k, v in tree(name)["headers"].items()]
                body = tree(name)["body"].encode()
            for kind in (kind_of(name), self.chance.choice(list(Kind))):
                self.corpus.append(One(kind, headers, body, options))
        every = declared(
            {name: "*" if name == "labels" else name for name in NAMES} | {"open": "@"}
        )
        self.corpus.append(One(Kind.JSON, [], b"id=1&open=2&title=3", every))

    def once(self) -> None:
        """Change one message, read it, and keep it if its answer is of a new kind."""
        base = self.chance.choice(self.corpus)
        one = One(base.kind, list(base.headers), base.body, base.options)
        for _ in range(self.chance.randint(1, 4)):
            self.chance.choice(_CHANGES)(self.chance, one)
        headers = Headers.of(one.headers)
        takes(headers)
        (signal,) = READERS[one.kind](Message(SOURCE, headers, one.body), one.options)
        check(signal)
        self.executions += 1
        self.signals[type(signal).__name__] += 1
        shape = (one.kind, *_shape(signal))
        if shape not in self.shapes and len(self.corpus) < CORPUS_MOST:
            self.shapes.add(shape)
            self.corpus.append(one)
        if self.executions % 4 == 0:
            self.sign()

    def sign(self) -> None:
        """Check a damaged vector; whole ones hold, so that it is seen that some do."""
        vector = self.chance.choice(VECTORS)
        one = One(Kind.JSON, list(vector.headers.items()), vector.body, Options())
        for _ in range(self.chance.randint(0, 2)):
            self.chance.choice((_header, _byte))(self.chance, one)
        headers = Headers.of(one.headers)
        if vector.scheme == "bearer":
            lock = Lock(bearer=vector.secrets, basic=vector.secrets)
            holds = lock.admits(headers, "", "")
        else:
            signature = vector.signature
            if self.chance.random() < 0.2:
                scheme = self.chance.choice(list(Scheme))
                signature = Signature(scheme, vector.secrets, header=signature.header)
            signature.is_claimed(headers)
            holds = signature.holds(headers, one.body, NOW)
        self.verified += holds
        untouched = one.body == vector.body and one.headers == list(vector.headers.items())
        # VictorOps signs names and values without what stands between them.
        raw = vector.scheme not in {"bearer", "victorops_sha1"}
        if holds and one.body != vector.body and raw:
            message = f"{vector.id}: another body was taken for the one that was signed"
            raise AssertionError(message)
        if untouched and vector.scheme == "bearer" and holds is not vector.valid:
            raise AssertionError(vector.id)


def _shape(signal: Signal) -> tuple[object, ...]:
    """What kind of answer it is: which parts are there, not what they say."""
    match signal:
        case Opened(page=page) | Updated(page=page):
            there = tuple(
                bool(getattr(page, name))
                for name in "title service team url number labels opened_at raw bridge".split()  # noqa: SIM905
            )
            return (type(signal), there, page.severity, page.key[:5] == "body:")
        case Closed():
            return (Closed, signal.reason[:8], bool(signal.merged_into), bool(signal.closed_at))
        case _:
            return (type(signal), signal.why[:40])


def _byte(chance: random.Random, one: One) -> None:
    body = bytearray(one.body)
    at = chance.randrange(len(body) + 1)
    match chance.randrange(5):
        case 0 if body:
            body[at % len(body)] = chance.randrange(256)
        case 1:
            del body[at : at + chance.choice((1, 1, 8, 64))]
        case 2:
            body[at:at] = chance.choice(TOKENS)
        case 3:
            body[at:at] = body[chance.randrange(len(body) + 1) :][:64]
        case _:
            del body[at:]
    one.body = bytes(body[:200_000])


def _tree(chance: random.Random, one: One) -> None:
    try:
        body = json.loads(one.body)
        places = list(paths(body))
    except (ValueError, RecursionError):
        return
    if not places:
        return
    path = chance.choice(places)
    value: Any = chance.choice((..., *VALUES, chance.choice(WORDS)))
    if chance.random() < 0.2 and isinstance(path[-1], str):
        path = (*path[:-1], chance.choice(NAMES))
    damage(body, path, value)
    one.body = json.dumps(body).encode()


def _header(chance: random.Random, one: One) -> None:
    if not one.headers or chance.random() < 0.3:
        one.headers.append(("content-type", chance.choice(TYPES)))
        return
    at = chance.randrange(len(one.headers))
    name, value = one.headers[at]
    match chance.randrange(5):
        case 0:
            del one.headers[at]
        case 1:
            one.headers.append((name, value))
        case 2:
            cut = chance.randrange(len(value) + 1)
            one.headers[at] = (
                name,
                value[:cut] + chance.choice(("", ",", " ", "\udcff", "=", "v1,")),
            )
        case 3:
            one.headers[at] = (name, value.swapcase())
        case _:
            one.headers[at] = (name, chance.choice(TYPES))


def _kind(chance: random.Random, one: One) -> None:
    one.kind = chance.choice(list(Kind))


_CHANGES: Final[tuple[Callable[[random.Random, One], None], ...]] = (
    *(_byte, _byte, _tree, _tree, _tree, _header, _kind),
)


def main() -> int:
    """Run as a program; exit 1 at the first message that breaks something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    fuzzer = Fuzzer(random.Random(arguments.seed))
    fuzzer.begin()
    ends = time.monotonic() + arguments.seconds
    try:
        while time.monotonic() < ends:
            fuzzer.once()
    except Exception:  # noqa: BLE001 (whatever it is, it is what was looked for)
        traceback.print_exc()
        print(f"seed {arguments.seed}, execution {fuzzer.executions}")
        return 1
    print(
        f"{fuzzer.executions} messages read, {fuzzer.verified} signatures held, "
        f"{len(fuzzer.shapes)} kinds of answers, nothing raised: {dict(fuzzer.signals)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
