"""The bare minimum beside the meeting socket: a relay that lets everybody in and keeps no record.

A plain aiohttp program: whoever names a room is in it, a frame with ``to`` goes there, any other to
all in the room. No store, no tokens, no checks; only ids, which whoever relays needs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import uuid
from typing import Any

from aiohttp import WSMsgType, web

_ROOMS: dict[str, dict[str, web.WebSocketResponse]] = {}


async def _relay(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=("meeting.1",), heartbeat=10, compress=False)
    await socket.prepare(request)
    room = _ROOMS.setdefault((await socket.receive_json())["link"], {})
    own = str(uuid.uuid4())
    people = [{"id": other} for other in (*room, own)]
    await socket.send_json({"type": "welcome", "you": own, "people": people})
    await _tell(room, {"type": "joined", "person": {"id": own}})
    room[own] = socket
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            frame = json.loads(message.data)
            other = room.get(frame.get("to", ""))
            if other is not None:
                await other.send_json({**frame, "from": own})
            elif frame["type"] == "chat":
                await _tell(room, {"type": "chat", "message": {"text": frame["text"]}})
            else:
                away = {one: socket for one, socket in room.items() if one != own}
                await _tell(away, {"type": "changed", "person": {"id": own}})
    room.pop(own, None)
    return socket


async def _tell(room: dict[str, web.WebSocketResponse], frame: dict[str, Any]) -> None:
    for socket in tuple(room.values()):
        await socket.send_json(frame)


async def _main(port: int) -> None:
    app = web.Application()
    app.router.add_get("/live", _relay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(_main(parser.parse_args().port))
