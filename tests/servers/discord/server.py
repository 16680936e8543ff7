"""The whole of it behind one port of 127.0.0.1, with what tests want to know about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from aiohttp import web

from tests.servers.discord import files
from tests.servers.discord.calls import Call
from tests.servers.discord.cast import APP, BOT_USER, Channel, Id, Json
from tests.servers.discord.gateway import Gateway
from tests.servers.discord.handshakes import RESUME_PATH, Handshake
from tests.servers.discord.home import Home
from tests.servers.discord.intents import MESSAGE_CONTENT, PRIVILEGED
from tests.servers.discord.interaction import Interaction
from tests.servers.discord.limits import Limits
from tests.servers.discord.messages import Message
from tests.servers.discord.people import People
from tests.servers.discord.pointing import pointed_at
from tests.servers.discord.rest import RestApi, gateway_handlers
from tests.servers.discord.sessions import Dispatch
from tests.servers.discord.tokens import Token


class DiscordServer(People):
    """A Discord on a random port of 127.0.0.1; used as `async with`. Times are seconds.

    `with server.pointed():` every discord.py client of this process talks to it. With `limits` the rate limits hold.
    Without `message_content` the application was not granted that intent. People's acts are methods, and so is what
    breaks: calls (`fail`, `lose_reply`, `hang`, `break_body`) and the gateway (`cut`, `freeze`, `disconnect`,
    `ask_to_reconnect`, `invalidate`, `forget_sessions`, `refuse_handshakes`, `refuse_resumes`, `close_resumed`,
    `break_event`, `break_frame`).
    """

    bot_user, app_id = BOT_USER, APP

    def __init__(
        self,
        *,
        limits: bool = False,
        latency: float = 0.0,
        message_content: bool = True,
        heartbeat_seconds: float = 41.25,
        resume_seconds: float = 120.0,
        identify_seconds: float = 0.0,
        identify_limit: int = 1000,
        shards: int = 1,
        ack_seconds: float = 3.0,
        token_seconds: float = 900.0,
        nonce_seconds: float = 180.0,
        file_seconds: float = 86_400.0,
    ) -> None:
        home = Home(
            nonce_seconds=nonce_seconds,
            token_seconds=token_seconds,
            ack_seconds=ack_seconds,
            file_seconds=file_seconds,
        )
        super().__init__(home)
        home.reads_content = message_content
        self.token = Token(identify_limit)
        self.gateway = gateway = Gateway(home, self.token)
        gateway.heartbeat_seconds, gateway.resume_seconds = heartbeat_seconds, resume_seconds
        gateway.identify_seconds, gateway.shards = identify_seconds, shards
        gateway.privileged = PRIVILEGED if message_content else PRIVILEGED & ~MESSAGE_CONTENT
        home.announce = gateway.announce
        self.api = RestApi(home, self.token, gateway_handlers(home, self.token, lambda: gateway.shards))
        self.api.limits = Limits() if limits else None
        self.api.latency = latency
        faults = self.api.faults
        self.fail, self.lose_reply, self.hang = faults.fail, faults.lose_reply, faults.hang
        self.break_body, self.release = faults.break_body, faults.release
        self.cut, self.freeze, self.disconnect = gateway.cut, gateway.freeze, gateway.disconnect
        self.ask_to_reconnect, self.invalidate = gateway.ask_to_reconnect, gateway.invalidate
        self.forget_sessions, self.refuse_handshakes = gateway.forget_sessions, gateway.refuse_handshakes
        self.break_event, self.break_frame = gateway.break_event, gateway.break_frame
        self.refuse_resumes, self.close_resumed = gateway.refuse_resumes, gateway.close_resumed
        self.send_event, self.reset_token = gateway.send_event, gateway.reset_token
        self.url = ""
        self._runner: web.AppRunner | None = None

    @property
    def bot_token(self) -> str:
        return self.token.value

    @contextmanager
    def pointed(self) -> Iterator[None]:
        """While this lasts, discord.py's clients in this process talk to this server."""
        with pointed_at(self.url):
            yield

    # What happened

    @property
    def calls(self) -> list[Call]:
        """Every REST call, oldest first."""
        return self.api.calls

    def calls_of(self, route: str) -> list[Call]:
        """Those of one route, written as in Discord's documentation: `POST /channels/{channel_id}/messages`."""
        return [call for call in self.calls if call.route == route]

    @property
    def rate_limited(self) -> int:
        """How many calls were answered 429."""
        return sum(call.status == 429 for call in self.calls)

    @property
    def invalid_requests(self) -> int:
        """How many calls were answered 401, 403 or 429 (but for a shared limit): 10,000 in 10 minutes get an address
        banned."""
        return sum(call.status in {401, 403, 429} and call.scope != "shared" for call in self.calls)

    def message(self, message: Id) -> Message:
        """The message with this id, ephemeral ones included; KeyError."""
        return self.home.find(message)

    def bot_messages(self, channel: Id | None = None) -> list[Message]:
        """Every message of the bot's, of one channel or thread or of all, oldest first; not Discord's own ones."""
        places = self.home.channels.values() if channel is None else [self.home.channels[str(channel)]]
        own = [message for place in places for message in place.messages.values() if message.author == BOT_USER]
        return sorted((message for message in own if message.type in {0, 19, 20}), key=lambda one: int(one.id))

    @property
    def ephemerals(self) -> list[Message]:
        """What the bot showed to one person only, and is still there."""
        return list(self.home.ephemerals.values())

    @property
    def pings(self) -> list[Message]:
        """The bot's messages that called people by their text, at any time."""
        return [message for message in [*self.bot_messages(), *self.ephemerals] if message.pings]

    def channel(self, channel: Id) -> Channel:
        """A channel or thread; KeyError."""
        return self.home.channels[str(channel)]

    @property
    def threads(self) -> list[Channel]:
        """Every thread and forum post that exists, oldest first."""
        return [channel for channel in self.home.channels.values() if channel.is_thread]

    @property
    def interactions(self) -> list[Interaction]:
        """Everything that people pressed or called up, oldest first."""
        return list(self.home.interactions.values())

    @property
    def commands(self) -> list[Json]:
        """The application commands that are registered."""
        return list(self.home.commands.values())

    @property
    def events(self) -> list[Dispatch]:
        """Every event of every session, oldest first; with `session` "" those that nobody was there to get."""
        return self.gateway.dispatches

    def events_of(self, event: str) -> list[Dispatch]:
        return [dispatch for dispatch in self.events if dispatch.event == event]

    @property
    def identifies(self) -> list[Handshake]:
        return [one for one in self.gateway.handshakes if one.kind == "identify"]

    @property
    def resumes(self) -> list[Handshake]:
        return [one for one in self.gateway.handshakes if one.kind == "resume"]

    @property
    def connected(self) -> int:
        """How many sessions have a socket."""
        return sum(session.send is not None for session in self.gateway.sessions.values())

    # Life

    def routes(self) -> list[web.RouteDef]:
        return [
            *self.api.routes(),
            web.get("/gateway/", self.gateway.accept),
            web.get(RESUME_PATH, self.gateway.accept),
            web.get("/cdn/attachments/{channel_id}/{file_id}/{name}", self._download),
        ]

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=128 << 20)
        app.add_routes(self.routes())
        # Without handler_cancellation a call that hangs would outlive the client that gave it up.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = self.home.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self.gateway.disconnect(1001)
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await files.give(self.home, request)
