"""What a Meetings server is told at its start.

Values only, checked as far as they can be without the network. The file or the flags that they come
from are the host's business.
"""

import ipaddress
import re
from dataclasses import astuple, dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.foundation.secret import Secret

NO_WAIT: Final = timedelta()

#: Bytes of a signature's secret: as many as the hash that it signs with.
SHORTEST_SECRET: Final = 32

#: A browser that sends its picture more than fifteen times does nothing else.
MOST_IN_A_MESH: Final = 16

SHORTEST_TURN_LIFE: Final = timedelta(minutes=10)
STUN_URLS: Final = ("stun:", "stuns:")
TURN_URLS: Final = ("turn:", "turns:")

_ICE_URL: Final = re.compile(
    r"[a-z]{4,5}:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\?transport=(?:udp|tcp))?"
)

#: People in one room of LiveKit; each is told of each, and our own sockets are bounded too.
MOST_IN_LIVEKIT: Final = 200

_NOWHERE: Final = Reach()
_LOOPBACK: Final = read_reach(("127.0.0.0/8", "::1")).networks
# A host or an address, and a port: no name and no password before it, and no header ends in it.
_PLACE: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_NUMBER: Final = re.compile(r"[1-9][0-9]{3,14}")
_LOCALE: Final = re.compile(r"[a-z]{2}-[A-Z]{2}")
# Names of headers that mean something else already cannot be taken.
_HEADER: Final = re.compile(r"X-[A-Za-z0-9-]{1,60}")


@dataclass(frozen=True, slots=True)
class CallbackUrls:
    """Where events are POSTed to, one URL a kind; None: nobody asked for that kind."""

    rooms_callback_url: str | None = None
    sessions_callback_url: str | None = None
    recordings_callback_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One tenant: it signs its requests, and sees its own rooms only."""

    id: str
    #: RSA public key, PEM. Requests are signed with its private half (RS256).
    public_key: str
    #: For rooms that name no URL of their own, kind by kind.
    callback_urls: CallbackUrls = CallbackUrls()
    #: The account that it belongs to, as told with its themes; None: an account of its own, whose
    #: id is the application's.
    account_id: str | None = None
    #: What its callbacks are signed with (HS256), at least 32 bytes; None: they are not signed.
    signature_secret: Secret | None = None

    def __post_init__(self) -> None:
        secret = self.signature_secret
        if secret is not None and len(secret.reveal().encode()) < SHORTEST_SECRET:
            message = f"application {self.id}: the signature secret has less than 32 bytes"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class DialInNumber:
    """A telephone number by which rooms are joined with their meeting code. `ValueError` if not."""

    #: In international form, digits only: 442381924626.
    number: str
    #: The language that is spoken there: en-GB.
    locale: str
    #: Where it is, for people.
    display_name: str

    def __post_init__(self) -> None:
        if _NUMBER.fullmatch(self.number) is None:
            message = f"a dial-in number has 4 to 15 digits and no plus: {self.number!r}"
            raise ValueError(message)
        if _LOCALE.fullmatch(self.locale) is None:
            message = f"a locale is written like en-GB: {self.locale!r}"
            raise ValueError(message)
        if not self.display_name.strip():
            message = f"dial-in number {self.number} has no name"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate with those that vouch for it, and its private key, both in PEM."""

    certificate: Path
    #: None: in the certificate's file.
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """People's browsers send to each other; the server only brings them together.

    `ValueError` tells what cannot be.
    """

    #: People in one room: each sends to each other one, so uplinks end it soon.
    most: int = 6
    #: Where browsers learn how they are seen from outside, such as stun:stun.example.org:3478.
    #: None named: people meet who are in one network, or reachable.
    stun: tuple[str, ...] = ()
    #: What relays where nothing else goes, such as turn:turn.example.org:3478?transport=tcp.
    turn: tuple[str, ...] = ()
    #: What the relays check names and passwords with, the same as theirs (coturn's
    #: static-auth-secret); needed if there are relays.
    turn_secret: Secret | None = None
    #: How long a name and password are good for; they are given out anew in time.
    turn_life: timedelta = timedelta(hours=6)

    #: Nothing stands between the browsers that could.
    can_record: ClassVar = False
    #: What browsers connect to beside this server and each other.
    origins: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not 2 <= self.most <= MOST_IN_A_MESH:
            message = f"a mesh holds 2 to {MOST_IN_A_MESH} people: {self.most}"
            raise ValueError(message)
        for schemes, urls in ((STUN_URLS, self.stun), (TURN_URLS, self.turn)):
            for url in urls:
                if not url.startswith(schemes) or _ICE_URL.fullmatch(url) is None:
                    message = f"the address must be like {schemes[0]}host:3478: {url!r}"
                    raise ValueError(message)
        if self.turn and self.turn_secret is None:
            message = "turn servers need turn_secret, by which they know our people"
            raise ValueError(message)
        if self.turn_life < SHORTEST_TURN_LIFE:
            message = f"turn_life must be at least {SHORTEST_TURN_LIFE}: {self.turn_life}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKit:
    """A LiveKit server that carries what people send each other. `ValueError` if it cannot be."""

    #: Where people's browsers reach it: wss://livekit.example.org, or ws:// on this machine.
    url: str
    #: The name of the key that we share with it, and the key.
    key: str
    secret: Secret
    #: Where we reach it, http:// or https://; None: where browsers do.
    inside_url: str | None = None
    #: People that one room can hold.
    most: int = 100
    #: The folder that its egress writes recordings to, as egress sees it and as we do, for nothing
    #: else; None: it records nothing.
    egress: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        if not _leads(self.url, "wss://", "ws://"):
            # What was written is not repeated here: it may hold a password.
            message = "the URL of LiveKit begins with wss:// (or ws://) and a host, and no name"
            raise ValueError(message)
        if self.inside_url is not None and not _leads(self.inside_url, "http://", "https://"):
            message = "LiveKit's inside URL begins with http:// or https:// and a host, and no name"
            raise ValueError(message)
        if not self.key or len(self.secret.reveal().encode()) < SHORTEST_SECRET:
            message = "LiveKit's key has a name, and a secret of at least 32 bytes"
            raise ValueError(message)
        if not 2 <= self.most <= MOST_IN_LIVEKIT:
            message = f"a room of LiveKit holds 2 to {MOST_IN_LIVEKIT} people: {self.most}"
            raise ValueError(message)
        if self.egress is not None and not all(path.is_absolute() for path in self.egress):
            message = "the folders of LiveKit's egress are absolute paths"
            raise ValueError(message)

    @property
    def can_record(self) -> bool:
        """Whether it has an egress."""
        return self.egress is not None

    @property
    def origins(self) -> tuple[str, ...]:
        """What browsers connect to beside this server: its socket, and to ask why one failed."""
        place = urlsplit(self.url)
        return f"{place.scheme}://{place.netloc}", f"http{place.scheme[2:]}://{place.netloc}"

    @property
    def api_url(self) -> str:
        """Where we reach it."""
        return self.inside_url or f"http{self.url.removeprefix('ws')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole of it. `ValueError` tells the first thing that cannot be."""

    applications: tuple[Application, ...]
    #: Address to listen on; port 0 takes a free one.
    host: str = "127.0.0.1"
    port: int = 0
    #: Speak TLS with these, read anew when they change; None: plain HTTP.
    tls: TlsFiles | None = None
    #: With TLS: answer on a free port of 127.0.0.1 in plain HTTP as well, for the process that this
    #: runs in, which cannot check a certificate made for others.
    inside: bool = False
    #: What links begin with, without a slash at the end; None: http://host:port, or https.
    external_url: str | None = None
    #: The SQLite file; None keeps everything in memory and forgets it at the end.
    database: Path | None = None
    #: The folder of recorded files; None: beside the database, or with it in memory.
    recordings: Path | None = None
    #: How long the link of a recording downloads it; each reading gives a new one.
    recording_link_life: timedelta = timedelta(hours=24)
    #: Answer DELETE of a room as the final v1 API did: 404, whatever the room; and take a
    #: `theme_id` for long_term rooms only, as its guide has it.
    strict_v1: bool = False
    #: How long ended rooms are still told about.
    retention: timedelta = timedelta(days=30)
    #: Refuse an `expires_at` more than 365 days ahead.
    enforce_one_year: bool = True
    #: Rooms not yet ended that one application may have; None: no limit.
    max_rooms: int | None = None
    #: Themes that one application may have; None: no limit.
    max_themes: int | None = None
    #: What `GET /dial-in-numbers` tells, in this order. The telephony behind them is not ours.
    dial_in_numbers: tuple[DialInNumber, ...] = ()
    #: The header that carries a room's metadata with its callbacks, percent-encoded, such as
    #: X-Room-Metadata; None: none does. The API itself had none.
    metadata_header: str | None = None
    #: Private addresses that callback URLs of rooms may lead to, besides public ones.
    callback_reach: Reach = _NOWHERE
    #: Routes under /_test by which a test joins, leaves and looks behind the scenes.
    test_routes: bool = False
    #: What people meet through in the browser; None: rooms are records, and nobody can come in.
    media: Mesh | LiveKit | None = None
    #: How long a request waits before it is carried out, and its answer before it is sent.
    latency_before: timedelta = NO_WAIT
    latency_after: timedelta = NO_WAIT

    def __post_init__(self) -> None:
        ids = [application.id for application in self.applications]
        if len(set(ids)) < len(ids):
            message = "two applications have the same id"
            raise ValueError(message)
        for name, most in (("max_rooms", self.max_rooms), ("max_themes", self.max_themes)):
            if most is not None and most < 0:
                message = f"{name} must be 0 or more: {most}"
                raise ValueError(message)
        if self.metadata_header is not None and _HEADER.fullmatch(self.metadata_header) is None:
            message = (
                "metadata_header must begin with X-, as X-Room-Metadata does: "
                f"{self.metadata_header!r}"
            )
            raise ValueError(message)
        if self.test_routes and not is_loopback(self.host):
            message = (
                f"test routes let anybody into any room, and {self.host} is not a loopback "
                "address; listen on 127.0.0.1, or leave the test routes out"
            )
            raise ValueError(message)
        if self.external_url is not None and not self.external_url.startswith(
            ("http://", "https://")
        ):
            message = f"external_url must begin with http:// or https://: {self.external_url!r}"
            raise ValueError(message)

    @property
    def callbacks(self) -> frozenset[str]:
        """The callback URLs of applications, which whoever runs the server has named."""
        kinds = (astuple(application.callback_urls) for application in self.applications)
        return frozenset(url for urls in kinds for url in urls if url is not None)

    @property
    def reach_of_rooms(self) -> Reach:
        """Private addresses that callback URLs of rooms may lead to.

        Where nobody but this machine reaches the server, who makes rooms is there already, and may
        be called there: on loopback and under no other address, as a proxy would have it.
        """
        if self.external_url is None and is_loopback(self.host):
            networks = (*self.callback_reach.networks, *_LOOPBACK)
            return Reach(networks, self.callback_reach.hosts)
        return self.callback_reach


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _leads(url: str, *schemes: str) -> bool:
    return url.startswith(schemes) and _PLACE.fullmatch(urlsplit(url).netloc) is not None
