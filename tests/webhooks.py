"""Messages of paging systems as the samples hold them, and what is made of them.

The samples and vectors were collected from documentation and source code; every secret, host and
person in them is invented.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from orchestrator.domain.pages import Signal
from orchestrator.edges.intake.messages import Headers, Message
from orchestrator.edges.intake.options import Declaration, Options
from orchestrator.edges.intake.signatures import Scheme, Signature
from orchestrator.edges.intake.sources import READERS, Kind
from orchestrator.foundation.secret import Secret
from orchestrator.foundation.selecting import compile_select

FOLDER: Final = Path(__file__).parent / "data" / "webhooks"
SOURCE: Final = "it"

# Which reader a sample is for, by how its name begins.
KINDS: Final = {
    "alertmanager": Kind.ALERTMANAGER,
    "cloudevents": Kind.CLOUDEVENTS,
    "firehydrant": Kind.JSON,
    "generic": Kind.GENERIC,
    "goalert": Kind.GOALERT,
    "grafana-alerting": Kind.GRAFANA,
    "grafana-oncall": Kind.ONCALL,
    "incidentio": Kind.INCIDENTIO,
    "opsgenie": Kind.OPSGENIE,
    "pagerduty": Kind.PAGERDUTY,
    "rootly": Kind.JSON,
    "splunk": Kind.JSON,
    "standardwebhooks": Kind.STANDARD_WEBHOOKS,
}
SAMPLES: Final = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "vectors")


@dataclass(frozen=True)
class Vector:
    """One signature vector: a message, and whether it is to be let in.

    Attributes:
        params: of the scheme, such as the address that was signed.
    """

    id: str
    scheme: str
    valid: bool
    now: datetime
    secrets: tuple[Secret, ...]
    headers: dict[str, str]
    params: dict[str, Any]
    body: bytes

    @property
    def signature(self) -> Signature:
        """What checks it."""
        return Signature(Scheme(self.scheme), self.secrets, **self.params)


def _vector(one: dict[str, Any]) -> Vector:
    return Vector(
        id=one["id"],
        scheme=one["scheme"],
        valid=one["valid"],
        now=datetime.fromtimestamp(one["now"], UTC),
        secrets=tuple(map(Secret, one["secrets"])),
        headers=one["headers"],
        params=one["params"],
        body=base64.b64decode(one["body_b64"]),
    )


VECTORS: Final = [
    _vector(one) for one in json.loads((FOLDER / "vectors.json").read_text("utf-8"))["vectors"]
]


def sample(name: str) -> bytes:
    """The bytes of a sample."""
    return (FOLDER / f"{name}.json").read_bytes()


def kind_of(name: str) -> Kind:
    """Which reader a sample is for."""
    return next(kind for prefix, kind in KINDS.items() if name.startswith(prefix))


def tree(name: str) -> Any:
    """A sample as a tree that a test may change."""
    return json.loads(sample(name))


def read(
    kind: Kind,
    body: bytes | dict[str, Any],
    headers: dict[str, str] | None = None,
    options: Options | None = None,
) -> Signal:
    """What one message tells, as the one signal that it is."""
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    message = Message(SOURCE, Headers.of((headers or {}).items()), raw)
    (signal,) = READERS[kind](message, options or Options())
    return signal


def declared(select: Mapping[str, str], *, once: bool = True, delivery_header: str = "") -> Options:
    """Options of a source that is written down: expressions by what they select."""
    expressions = {name: compile_select(text) for name, text in select.items()}
    return Options(declaration=Declaration(expressions, once, delivery_header))
