"""`meetings.media` in config.yaml: what people meet through in the rooms of the embedded server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from orchestrator.config.fields import SecretField
from orchestrator.config.secrets import SecretSource
from orchestrator.foundation.forms import Form, Length, between, patterned

# A host or an address, a port, a transport: RFC 7064 and 7065, as browsers take them.
_PLACE: Final = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\?transport=(?:udp|tcp))?"
_STUN: Final = f"stuns?:{_PLACE}"
_TURN: Final = f"turns?:{_PLACE}"


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


def _stun(value: str) -> str:
    if re.fullmatch(_STUN, value) is None:
        message = "must be an address such as stun:stun.example.org:3478"
        raise ValueError(message)
    return value


def _turn(value: str) -> str:
    if re.fullmatch(_TURN, value) is None:
        message = "must be an address such as turn:turn.example.org:3478?transport=udp"
        raise ValueError(message)
    return value


class MediaForm(Form):
    """What people meet through: nothing, or each other's browsers."""

    together: ClassVar = {
        "if": {"properties": {"type": {"const": "none"}}, "required": ["type"]},
        "then": {"maxProperties": 1},
        "dependentRequired": {"turn": ["turn_secret"], "turn_secret": ["turn"]},
    }

    type: Literal["mesh", "none"] = Field(
        "mesh",
        description="mesh: browsers send to each other; none: rooms are records, nobody can enter",
    )
    most: Annotated[int, Field(ge=2, le=16)] = Field(
        6, description="mesh: people in one room; each sends to each other one"
    )
    stun: list[Annotated[str, AfterValidator(_stun), patterned(f"^{_STUN}$")]] = Field(
        [], description="mesh: where browsers learn how they are seen from outside"
    )
    turn: list[Annotated[str, AfterValidator(_turn), patterned(f"^{_TURN}$")]] = Field(
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


def build_media(form: MediaForm, turn_secret: SecretSource | None) -> MeshMedia | None:
    """Make settings of a form in which everything is lawful; None: no medium.

    Args:
        form: as it was written.
        turn_secret: where the form says that the relays' secret is.
    """
    if form.type == "none":
        return None
    return MeshMedia(form.most, tuple(form.stun), tuple(form.turn), turn_secret, form.turn_life)


def media_mistakes(form: MediaForm) -> Iterator[tuple[str, str]]:
    """What is wrong beyond single values: the key where, and what."""
    if form.type == "none":
        for name in sorted(form.model_fields_set - {"type"}):
            yield name, f'"{name}" belongs to mesh; with type: none leave it out'
    elif form.turn and form.turn_secret is None:
        yield "turn", "the relays let nobody in without turn_secret; say where theirs is"
    elif form.turn_secret is not None and not form.turn:
        yield "turn_secret", "there is no relay that this would belong to; set turn"
