"""The whole of it behind one port of 127.0.0.1, with what tests want to know about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Self

from aiohttp import web

from tests.servers.slack import files
from tests.servers.slack.cast import APP, BOT, BOT_USER, TEAM, Json
from tests.servers.slack.delivery import Deliveries
from tests.servers.slack.faults import Faults
from tests.servers.slack.limits import Limits
from tests.servers.slack.messages import Message
from tests.servers.slack.people import People
from tests.servers.slack.responses import Responses
from tests.servers.slack.scopes import FILES, GRANTED
from tests.servers.slack.socket_mode import SocketMode
from tests.servers.slack.transports import Delivery, OverHttp, OverSocket
from tests.servers.slack.web_api import Call, WebApi
from tests.servers.slack.workspace import Workspace

BOT_TOKEN, APP_TOKEN, SIGNING_SECRET = "xoxb-corral-test", "xapp-corral-test", "corral-test-signing-secret"


class SlackServer(People):
    """A Slack on a random port of 127.0.0.1; used as `async with`. Times are seconds.

    `api_url` is what slack_sdk wants as base_url. With `limits` the documented rate limits hold, and `post_burst`
    messages may come at once in a channel. Calls that need a scope which is not among `scopes` are refused, and without
    `files:read` messages come without their files. Events go over Socket Mode, or as signed requests to `events_url`,
    which may be set (`deliver_to`) once the bot listens.
    People's acts are methods, and so is what breaks: calls (`fail`, `lose_reply`, `hang`, `break_body`) and sockets
    (`disconnect`, `cut`, `freeze`).
    """

    bot_user, bot_id, team, app_id = BOT_USER, BOT, TEAM, APP
    bot_token, app_token, signing_secret = BOT_TOKEN, APP_TOKEN, SIGNING_SECRET

    def __init__(
        self,
        *,
        limits: bool = False,
        post_burst: int = 1,
        latency: float = 0.0,
        events_url: str | None = None,
        ack_seconds: float = 3.0,
        retry_delays: Sequence[float] = (0.0, 60.0, 300.0),
        stream_seconds: float = 300.0,
        stream_bytes: int = 12_000,
        own_events: bool = True,
        scopes: Collection[str] = GRANTED,
    ) -> None:
        home = Workspace(stream_seconds=stream_seconds, stream_bytes=stream_bytes)
        home.shows_files = FILES in scopes
        self.sockets = SocketMode()
        super().__init__(home, Deliveries(OverSocket(self.sockets), ack_seconds, retry_delays), Responses(home))
        if events_url is not None:
            self.deliver_to(events_url)
        home.announce = self.deliveries.announce
        self.deliveries.own_events = own_events
        self.faults = faults = Faults()
        self.fail, self.lose_reply, self.hang = faults.fail, faults.lose_reply, faults.hang
        self.break_body, self.release = faults.break_body, faults.release
        self.disconnect, self.cut, self.freeze = self.sockets.disconnect, self.sockets.cut, self.sockets.freeze
        self.api = WebApi(home, self.bot_token, self.app_token, self.faults, self.sockets.ticket)
        self.api.limits = Limits(post_burst) if limits else None
        self.api.scopes = home.scopes = set(scopes)
        self.response_urls.faults = faults
        self.api.latency = latency
        self.url = ""
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def deliver_to(self, events_url: str) -> OverHttp:
        """From now on deliver over HTTP, to this address."""
        transport = OverHttp(events_url, self.signing_secret)
        self.deliveries.transport = transport
        return transport

    # What happened

    @property
    def calls(self) -> list[Call]:
        """Every Web API call, oldest first."""
        return self.api.calls

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    @property
    def rate_limited(self) -> int:
        """How many calls were answered 429."""
        return sum(call.status == 429 for call in self.calls)

    def message(self, ts: str) -> Message:
        """The message with this ts, ephemeral ones included; KeyError."""
        return self.home.find(ts)

    def thread(self, channel: str, root_ts: str) -> list[Message]:
        """The bot's messages in a thread, oldest first."""
        under = self.home.channels[channel].replies(root_ts)
        return [message for message in under if message.user == BOT_USER and not message.deleted]

    def bot_messages(self, channel: str | None = None) -> list[Message]:
        """Every message of the bot's, of one channel or of all, oldest first."""
        own = [message for message in self.home.messages() if message.user == BOT_USER and not message.deleted]
        return sorted((message for message in own if channel in (None, message.channel)), key=lambda one: one.ts)

    @property
    def ephemerals(self) -> list[Message]:
        """What the bot showed to one person only, and is still there."""
        return [message for message in self.home.ephemerals if not message.deleted]

    @property
    def pings(self) -> list[Message]:
        """The bot's messages that called people by `<!channel>`, `<@U...>` and the like; code does not excuse it."""
        own = [*self.bot_messages(), *self.home.ephemerals]
        return [message for message in own if message.pings]

    @property
    def responses(self) -> list[Json]:
        """What the bot posted to response_urls, and with acknowledgements."""
        return self.response_urls.bodies

    @property
    def statuses(self) -> dict[str, list[str]]:
        """Every status that was set, by thread_ts, oldest first: "is thinking...", "processing", ""."""
        return self.home.statuses

    @property
    def sessions(self) -> dict[tuple[str, str], Json]:
        """The sessions' status and title, by (channel, thread_ts); streams begin and end them too."""
        return self.home.sessions

    @property
    def titles(self) -> dict[str, str]:
        """The titles of sessions, by thread_ts."""
        return self.home.titles

    @property
    def suggested_prompts(self) -> list[Json]:
        """The arguments of each assistant.threads.setSuggestedPrompts."""
        return self.home.suggested_prompts

    @property
    def events(self) -> list[Delivery]:
        """Every event that was delivered, or still waits to be."""
        return [delivery for delivery in self.deliveries.all if delivery.kind == "events_api"]

    @property
    def unacked(self) -> list[Delivery]:
        """Events and interactions that the bot has not acknowledged."""
        return self.deliveries.unacked

    # Life

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/api/{method}", self.api.answer),
            web.get("/link/", self.sockets.accept),
            web.post("/respond/{name}", self.response_urls.receive),
            web.post("/upload/{file_id}", self._upload),
            web.get("/files-pri/{file_id}/download/{name}", self._download),
        ]

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(self.routes())
        # Without handler_cancellation a call that hangs would outlive the client that gave it up.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.home.base_url = self.sockets.base_url = self.url

    async def stop(self) -> None:
        await self.deliveries.stop()
        await self.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        return await files.receive(self.home, request)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await files.give(self.home, request, self.bot_token)
