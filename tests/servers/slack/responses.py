"""response_url (docs.slack.dev/interactivity/handling-user-interaction#message_responses): five uses in 30 minutes."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from aiohttp import web

from tests.servers.slack.block_rules import check
from tests.servers.slack.cast import Json
from tests.servers.slack.chat import MAX_TEXT
from tests.servers.slack.errors import SlackError
from tests.servers.slack.faults import Faults
from tests.servers.slack.messages import Message
from tests.servers.slack.workspace import Workspace

MAX_USES = 5
LIFETIME_SECONDS = 30 * 60.0


@dataclass(slots=True)
class ResponseUrl:
    """Where one interaction may be answered. `message` is what was pressed, if anything was."""

    channel: str
    user: str
    message: Message | None
    opened: float
    uses: int = 0


class Responses:
    """The addresses that were handed out, and every body that came to them."""

    def __init__(self, home: Workspace) -> None:
        self.home = home
        self.bodies: list[Json] = []
        self.lifetime_seconds = LIFETIME_SECONDS
        self.faults = Faults()  # of calls named "response_url"
        self._urls: dict[str, ResponseUrl] = {}

    def open(self, channel: str, user: str, message: Message | None = None) -> str:
        """A new address for this interaction."""
        name = uuid.uuid4().hex
        self._urls[name] = ResponseUrl(channel, user, message, time.monotonic())
        return f"{self.home.base_url}/respond/{name}"

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """What the bot posts there."""
        url = self._urls.get(request.match_info["name"])
        if url is None or time.monotonic() - url.opened > self.lifetime_seconds:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if url.uses >= MAX_USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        fault = self.faults.take("response_url")
        if fault is not None and fault.kind == "fail":
            return web.json_response({"ok": False, "error": fault.error}, status=fault.status)
        if fault is not None and fault.kind == "hang":
            await self.faults.until_released()
        url.uses += 1
        try:
            self.show(url, await request.json())
        except SlackError as refusal:
            return web.json_response({"ok": False, "error": refusal.code}, status=400)
        if fault is not None and fault.kind == "mute":
            await self.faults.until_released()
        if fault is not None and fault.kind == "lose":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text="ok")

    def acknowledged(self, address: str, body: Json) -> None:
        """A message that came with the acknowledgement itself; it uses nothing up."""
        if body.get("text") or body.get("blocks"):
            self.show(self._urls[address.rpartition("/")[2]], body)

    def show(self, url: ResponseUrl, body: Json) -> None:
        """Private to the person unless `response_type` is in_channel; or in the pressed message's place."""
        self.bodies.append(body)
        if body.get("delete_original"):
            if url.message is not None:
                self.home.remove(url.message)
            return
        blocks = check(body["blocks"]) if body.get("blocks") else []
        text = str(body.get("text") or "")[:MAX_TEXT]
        if not text and not blocks:
            raise SlackError("no_text")
        if url.message is not None and body.get("replace_original"):
            self.home.change(url.message, text=text, blocks=blocks, markdown="")
            return
        message = self.home.own(url.channel, text=text, blocks=blocks, thread_ts=body.get("thread_ts"))
        if body.get("response_type") == "in_channel":
            self.home.post(message)
        else:
            message.ephemeral_for = url.user
            message.keep()
            self.home.ephemerals.append(message)
