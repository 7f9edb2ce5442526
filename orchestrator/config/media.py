"""`meetings.media` in config.yaml: what people meet through in the rooms of the embedded server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from orchestrator.config.fields import PathText, SecretField, Url
from orchestrator.config.locating import Source
from orchestrator.config.secrets import SecretSource
from orchestrator.foundation.forms import Form, Length, between, matching, patterned

# A host or an address, a port, a transport: RFC 7064 and 7065, as browsers take them.
_PLACE: Final = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\?transport=(?:udp|tcp))?"
_STUN: Final = f"stuns?:{_PLACE}"
_TURN: Final = f"turns?:{_PLACE}"
_SOCKET: Final = r"wss?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[^\s?#]*)?"
_KEY: Final = "[A-Za-z0-9_-]{1,100}"

_MESH: Final = 16
# What belongs to one of them alone.
_ONLY_MESH: Final = ("stun", "turn", "turn_secret", "turn_life")
_ONLY_LIVEKIT: Final = ("url", "inside_url", "key", "secret", "egress")
_OWNED: Final = (
    (("mesh",), _ONLY_MESH),
    (("livekit",), _ONLY_LIVEKIT),
    (("mesh", "livekit"), ("most",)),
)
# What there is no LiveKit without.
_NEEDED: Final = ("url", "key", "secret")


@dataclass(frozen=True, slots=True)
class MeshMedia:
    """Browsers send to each other.

    Attributes:
        most: people in one room. Restart.
        stun: where browsers learn how they are seen from outside. Restart.
        turn: what relays where nothing else goes. Restart.
        turn_secret: what the relays check names and passwords with. Restart.
        turn_life: how long a name and password are good for. Restart.
    """

    most: int
    stun: tuple[str, ...]
    turn: tuple[str, ...]
    turn_secret: SecretSource | None
    turn_life: timedelta


@dataclass(frozen=True, slots=True)
class LiveKitMedia:
    """A LiveKit server carries what people send each other.

    Attributes:
        url: where browsers reach it. Restart.
        inside_url: where we reach it; None: where browsers do. Restart.
        key: the name of the key that we share with it. Restart.
        secret: the key. Restart.
        most: people in one room. Restart.
        egress: the folder that its egress records to, as egress sees it and as we do; None: nothing
            is recorded. Restart.
    """

    url: str
    inside_url: str | None
    key: str
    secret: SecretSource
    most: int
    egress: tuple[Path, Path] | None


_stun: Final = matching(_STUN, "must be an address such as stun:stun.example.org:3478")
_turn: Final = matching(
    _TURN, "must be an address such as turn:turn.example.org:3478?transport=udp"
)
_socket: Final = matching(_SOCKET, "must be an address such as wss://livekit.example.org")
_key: Final = matching(
    _KEY, "must be a name of letters, digits, - and _; its secret does not stand here"
)


def _absolute(value: str) -> str:
    if not value.startswith("/"):
        message = "must be an absolute path on the machine of egress"
        raise ValueError(message)
    return value


def _is(kind: str) -> dict[str, object]:
    return {"properties": {"type": {"const": kind}}, "required": ["type"]}


class EgressForm(Form):
    """One folder, twice."""

    theirs: Annotated[str, AfterValidator(_absolute), patterned("^/")] = Field(
        description="the folder as LiveKit's egress sees it"
    )
    ours: PathText = Field(description="the same folder as we see it; nothing else may be in it")


class MediaForm(Form):
    """What people meet through: nothing, each other's browsers, or LiveKit."""

    together: ClassVar = {
        "allOf": [
            {"if": _is("none"), "then": {"maxProperties": 1}},
            {
                "if": _is("livekit"),
                "then": {
                    "required": list(_NEEDED),
                    "properties": dict.fromkeys(_ONLY_MESH, False),
                },
                "else": {
                    "properties": {
                        **dict.fromkeys(_ONLY_LIVEKIT, False),
                        "most": {"maximum": _MESH},
                    }
                },
            },
        ],
        "dependentRequired": {"turn": ["turn_secret"], "turn_secret": ["turn"]},
    }

    type: Literal["mesh", "livekit", "none"] = Field(
        "mesh",
        description="mesh: browsers send to each other; livekit: a server of its own carries it; "
        "none: rooms are records, nobody can enter",
    )
    most: Annotated[int, Field(ge=2, le=200)] | None = Field(
        None, description="people in one room; mesh: 6, at most 16; livekit: 100"
    )
    url: Annotated[str, _socket, patterned(f"^{_SOCKET}$")] | None = Field(
        None, description="livekit: where browsers reach it"
    )
    inside_url: Url | None = Field(
        None, description="livekit: where this server reaches it, if there is a nearer way"
    )
    key: Annotated[str, _key, patterned(f"^{_KEY}$")] | None = Field(
        None, description="livekit: the name of the key that both share"
    )
    secret: SecretField | None = Field(
        None, description="livekit: where that key is, at least 32 bytes"
    )
    egress: EgressForm | None = Field(None, description="livekit: where its egress records to")
    stun: list[Annotated[str, _stun, patterned(f"^{_STUN}$")]] = Field(
        [], description="mesh: where browsers learn how they are seen from outside"
    )
    turn: list[Annotated[str, _turn, patterned(f"^{_TURN}$")]] = Field(
        [], description="mesh: what relays where nothing else goes"
    )
    turn_secret: SecretField | None = Field(
        None, description="mesh: where the secret is that the relays share (static-auth-secret)"
    )
    turn_life: Annotated[
        Length, AfterValidator(between(timedelta(minutes=10), timedelta(hours=24)))
    ] = Field(
        timedelta(hours=6), description="mesh: how long a name and password for relays are good"
    )


def build_media(form: MediaForm, source: Source) -> MeshMedia | LiveKitMedia | None:
    """Make settings of a form in which everything is lawful; None: no medium.

    Args:
        form: as it was written.
        source: where it was written.
    """
    steps = ("meetings", "media")
    if form.type == "mesh":
        relays = form.turn_secret
        return MeshMedia(
            6 if form.most is None else form.most,
            tuple(form.stun),
            tuple(form.turn),
            None if relays is None else source.secret(relays, *steps, "turn_secret"),
            form.turn_life,
        )
    if form.url is None or form.key is None or form.secret is None:
        return None  # none, for livekit has them all
    egress = form.egress
    return LiveKitMedia(
        form.url,
        form.inside_url,
        form.key,
        source.secret(form.secret, *steps, "secret"),
        100 if form.most is None else form.most,
        None if egress is None else (Path(egress.theirs), source.path(egress.ours)),
    )


def secret_of(media: MeshMedia | LiveKitMedia | None) -> SecretSource | None:
    """Where the secret of a medium is; None: it has none."""
    if isinstance(media, MeshMedia):
        return media.turn_secret
    return None if media is None else media.secret


def media_mistakes(form: MediaForm) -> Iterator[tuple[str, str]]:
    """What is wrong beyond single values: the key where, and what."""
    told = form.model_fields_set - {"type"}
    for kinds, names in _OWNED:
        where = " or ".join(kinds)
        for name in () if form.type in kinds else sorted(told.intersection(names)):
            yield name, f'"{name}" belongs to {where}; with type: {form.type} leave it out'
    if form.type == "livekit":
        for name in _NEEDED:
            if getattr(form, name) is None:
                yield "type", f'livekit needs "{name}"; see docs/livekit.md'
    if form.type == "mesh":
        yield from _mesh_mistakes(form)


def _mesh_mistakes(form: MediaForm) -> Iterator[tuple[str, str]]:
    if form.most is not None and form.most > _MESH:
        yield "most", f"a mesh holds {_MESH} people at most; type: livekit holds more"
    if form.turn and form.turn_secret is None:
        yield "turn", "the relays let nobody in without turn_secret; say where theirs is"
    elif form.turn_secret is not None and not form.turn:
        yield "turn_secret", "there is no relay that this would belong to; set turn"
