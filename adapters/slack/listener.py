"""Listens to a workspace: over Socket Mode, or to the requests that `http_events.routes` gives to `app`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Self

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.connecting import until_connected
from adapters.slack.api import SlackApi
from adapters.slack.asides import Asides
from adapters.slack.attachments import Attachments
from adapters.slack.client import web_client
from adapters.slack.contact import who_am_i
from adapters.slack.desk import Desk
from adapters.slack.home import Home
from adapters.slack.identity import SlackAccess, SlackRefused
from adapters.slack.odd import log_oddity
from adapters.slack.people import People
from adapters.slack.receiving import Receiving
from adapters.slack.socket_mode import PING_SECONDS, SocketMode
from adapters.slack.understanding import Understanding
from conversation.background import Background
from conversation.errors import CorralError
from conversation.preference_desk import PreferenceDesk
from conversation.reception import Reception

log = logging.getLogger(__name__)

# How long the start waits for Slack before it goes on without.
CONTACT_SECONDS = 10.0
# How long a sentence to a person that is on its way keeps the end waiting.
PARTING_SECONDS = 1.0


class SlackListener:
    """Listens for as long as the context lasts; at its end nothing more is taken in first of all. `api` and `people`
    are the caller's, and outlive it.

    Entering raises SlackRefused when Slack refuses a token. While Slack is away it goes on without it and keeps trying;
    `on_refused` is told when a token turns out to be refused then, or later.
    """

    def __init__(
        self,
        access: SlackAccess,
        reception: Reception,
        api: SlackApi,
        people: People,
        preferences: PreferenceDesk,
        *,
        on_refused: Callable[[SlackRefused], object] = lambda _: None,
        contact_seconds: float = CONTACT_SECONDS,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._access, self._reception, self._on_refused = access, reception, on_refused
        self._api, self._people, self._preferences = api, people, preferences
        self._contact_seconds, self._ping_seconds = contact_seconds, ping_seconds
        self._stack = AsyncExitStack()
        self._contacted = asyncio.Event()
        self._socket: SocketMode | None = None
        self._receiving: Receiving | None = None
        self.app: AsyncApp

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ready(self) -> None:
        """For the health page. Raises CorralError, which says what is missing, while Slack cannot reach us."""
        if self._receiving is None or self._receiving.me is None:
            raise CorralError("Slack has not answered yet")
        if self._access.app_token and not (self._socket is not None and self._socket.is_connected):
            raise CorralError("there is no socket to Slack")

    async def _begin(self) -> None:
        background = Background()
        self._stack.push_async_callback(background.aclose, PARTING_SECONDS)
        asides = Asides(self._api, background)
        attachments = Attachments(self._api)
        self._receiving = receiving = Receiving(
            self._api,
            self._reception,
            self._people,
            Home(self._api),
            asides,
            background,
            Understanding(self._reception, attachments),
            Desk(self._api, self._reception, self._preferences, self._people, attachments, asides),
        )
        self.app = _bolt(self._access, receiving)
        contact = asyncio.create_task(self._keep_contact(receiving), name="contact with Slack")
        self._stack.push_async_callback(_end, contact)
        await until_connected("Slack", contact, self._contacted, self._contact_seconds, SlackRefused, self._on_refused)

    async def _keep_contact(self, receiving: Receiving) -> None:
        """Does not end with Socket Mode. Raises SlackRefused."""
        receiving.me = await who_am_i(self._api)
        access = self._access
        if not access.app_token:
            self._contacted.set()
            return
        async with (
            SlackApi(
                access.app_token, self._api.budget, base_url=access.api_url, observer=self._api.observer
            ) as of_app,
            SocketMode(self.app, of_app, ping_seconds=self._ping_seconds) as socket,
        ):
            self._socket = socket
            await socket.until_connected()
            self._contacted.set()
            await socket.until_refused()


def _bolt(access: SlackAccess, receiving: Receiving) -> AsyncApp:
    bolt_log = logging.getLogger(f"{__name__}.bolt")
    # Below this Bolt logs what people wrote.
    bolt_log.setLevel(logging.ERROR)

    async def store_first(req: AsyncBoltRequest, next_: Callable[[], Awaitable[Any]]) -> BoltResponse | None:
        if req.body.get("type") == "url_verification":
            await next_()
            return None
        return await receiving.receive(req.body)

    # It answers by itself and no listener follows: Bolt acknowledges an event before it runs listeners, which are
    # tasks that nobody keeps. It comes before Bolt's authorisation, which asks Slack who we are at the first event
    # and acknowledges that event when Slack does not tell.
    app = AsyncApp(
        logger=bolt_log,
        name="corral",
        client=web_client(access.bot_token, access.api_url),
        signing_secret=access.signing_secret,
        before_authorize=store_first,
        ssl_check_enabled=False,
    )

    # Bolt itself would answer 500, and log what the error says, which may be what people wrote.
    async def refuse(error: Exception) -> BoltResponse:
        log_oddity(log, "a payload of Slack's could not be taken", error)
        return BoltResponse(status=400, body="")

    app.error(refuse)
    return app


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
