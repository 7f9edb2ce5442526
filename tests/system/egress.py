"""A stand-in for LiveKit's egress: it stands before a real LiveKit, and answers for egress itself.

The real one records with a browser and GStreamer and needs Redis, so no test runs it. What is asked
of it and what it tells has the form of LiveKit's protocol; what it would do to sound and picture is
not shown by any test.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from google.protobuf import json_format
from livekit import api
from livekit.protocol import egress as messages
from livekit.protocol.webhook import WebhookEvent

from tests.system.sfu import KEY, SECRET, Sfu

THEIRS = Path("/egress")


@dataclass
class Egress:
    """What it was asked for, and what it says.

    Attributes:
        files: the folder that it writes to, as we see it.
        url: where LiveKit and it are asked.
        is_away: it answers 503.
    """

    files: Path
    url: str
    infos: dict[str, messages.EgressInfo] = field(default_factory=dict)
    is_away: bool = False

    def one(self) -> messages.EgressInfo:
        """The only recording there is."""
        (info,) = self.infos.values()
        return info

    def end(self, content: bytes, status: messages.EgressStatus | None = None) -> None:
        """It has written its file; or, by its status, none."""
        info = self.one()
        info.status = messages.EgressStatus.EGRESS_COMPLETE if status is None else status
        if status is None:
            (self.files / Path(self.file()).name).write_bytes(content)

    def file(self) -> str:
        """Where it was told to write."""
        info = self.one()
        asked = info.participant if info.HasField("participant") else info.room_composite
        return str(asked.file_outputs[0].filepath)

    async def tell(self, url: str) -> int:
        """Send the notice that it has ended, signed as LiveKit signs; the status of the answer."""
        event = WebhookEvent(event="egress_ended", id="EV_1", egress_info=self.one())
        body = json_format.MessageToJson(event).encode()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        signed = api.AccessToken(KEY, SECRET.reveal()).with_sha256(digest).to_jwt()
        headers = {"Authorization": signed, "Content-Type": "application/webhook+json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=headers) as response,
        ):
            return response.status

    # --- as LiveKit asks ---

    def start_room_composite_egress(self, body: bytes) -> messages.EgressInfo:
        """Everybody is recorded."""
        asked = messages.RoomCompositeEgressRequest.FromString(body)
        return self._begun(room_name=asked.room_name, room_composite=asked)

    def start_participant_egress(self, body: bytes) -> messages.EgressInfo:
        """One is."""
        asked = messages.ParticipantEgressRequest.FromString(body)
        return self._begun(room_name=asked.room_name, participant=asked)

    def stop_egress(self, body: bytes) -> messages.EgressInfo:
        """None is any more; 412 if none was."""
        info = self.infos[messages.StopEgressRequest.FromString(body).egress_id]
        if info.status != messages.EgressStatus.EGRESS_ACTIVE:
            raise web.HTTPPreconditionFailed(text='{"code": "failed_precondition", "msg": ""}')
        info.status = messages.EgressStatus.EGRESS_ENDING
        return info

    def list_egress(self, body: bytes) -> messages.ListEgressResponse:
        """What there is."""
        asked = messages.ListEgressRequest.FromString(body)
        return messages.ListEgressResponse(items=list(self._listed(asked)))

    def _listed(self, asked: messages.ListEgressRequest) -> Iterator[messages.EgressInfo]:
        for info in self.infos.values():
            is_active = info.status <= messages.EgressStatus.EGRESS_ENDING
            if (not asked.room_name or asked.room_name == info.room_name) and (
                is_active or not asked.active
            ):
                yield info

    def _begun(self, **fields: Any) -> messages.EgressInfo:
        name = f"EG_{len(self.infos) + 1}"
        active = messages.EgressStatus.EGRESS_ACTIVE
        info = messages.EgressInfo(egress_id=name, status=active, **fields)
        self.infos[name] = info
        return info


@asynccontextmanager
async def recording(sfu: Sfu, files: Path) -> AsyncIterator[Egress]:
    """LiveKit with such an egress, at an address of its own."""
    async with aiohttp.ClientSession() as session:
        stand_in = Egress(files, "")
        answers = {
            "StartRoomCompositeEgress": stand_in.start_room_composite_egress,
            "StartParticipantEgress": stand_in.start_participant_egress,
            "StopEgress": stand_in.stop_egress,
            "ListEgress": stand_in.list_egress,
        }

        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            service, _, method = request.path.removeprefix("/twirp/").partition("/")
            if service == "livekit.Egress":
                if stand_in.is_away:
                    raise web.HTTPServiceUnavailable(text='{"code": "unavailable", "msg": ""}')
                grants = api.TokenVerifier(KEY, SECRET.reveal()).verify(
                    request.headers["Authorization"].removeprefix("Bearer ")
                )
                assert grants.video is not None
                assert grants.video.room_record
                return web.Response(body=answers[method](body).SerializeToString())
            url = f"http://127.0.0.1:{sfu.port}{request.path}"
            headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
            async with session.post(url, data=body, headers=headers) as response:
                return web.Response(status=response.status, body=await response.read())

        application = web.Application()
        application.router.add_post("/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            stand_in.url = f"http://{host}:{port}"
            yield stand_in
        finally:
            await runner.cleanup()
