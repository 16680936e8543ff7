"""Slack, wired: what writes needs the bot's token alone; what listens, Socket Mode or a signing secret besides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext

from aiohttp import web
from slack_bolt.app.async_app import AsyncApp

from adapters.slack.api import SlackApi
from adapters.slack.attachments import Attachments
from adapters.slack.history import SlackHistory
from adapters.slack.http_events import PATH, routes
from adapters.slack.identity import SlackAccess
from adapters.slack.listener import SlackListener
from adapters.slack.people import People
from adapters.slack.replies import SlackReplies
from bot.health import Check
from bot.platforms import Platform
from bot.roles import Role
from bot.settings import Settings
from bot.wiring import House


def slack_access(settings: Settings) -> SlackAccess:
    """The tokens as the adapter wants them. AssertionError without a bot token."""
    assert settings.slack_bot_token is not None
    app_token, secret = settings.slack_app_token, settings.slack_signing_secret
    return SlackAccess(
        bot_token=settings.slack_bot_token.get_secret_value(),
        app_token=app_token.get_secret_value() if app_token is not None else "",
        signing_secret=secret.get_secret_value() if secret is not None else "",
        api_url=settings.slack_api_url,
    )


class _Door:
    """Slack's requests over HTTP. The server is up before and after we listen: then Slack is asked to come again."""

    def __init__(self, signing_secret: str) -> None:
        self._secret = signing_secret
        self._route: web.RouteDef | None = None

    @contextmanager
    def open_to(self, app: AsyncApp) -> Iterator[None]:
        (self._route,) = routes(app, self._secret)
        try:
            yield
        finally:
            self._route = None

    async def receive(self, request: web.Request) -> web.StreamResponse:
        if self._route is None:
            return web.Response(status=503)
        response: web.StreamResponse = await self._route.handler(request)
        return response


@asynccontextmanager
async def open_slack(
    settings: Settings, house: House, role: Role, on_refused: Callable[[], object]
) -> AsyncIterator[Platform]:
    """Slack for as long as the context lasts. `on_refused` is called when Slack takes our tokens no more."""
    access = slack_access(settings)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(
            SlackApi(access.bot_token, house.rates, base_url=access.api_url, observer=house.observer)
        )
        people = People(api)
        stack.push_async_callback(people.aclose)
        replies = SlackReplies(api, people)
        history = SlackHistory(api, people, Attachments(api))
        if role is Role.WORKER:
            yield Platform("slack", replies, history)
            return
        listener = SlackListener(
            access, house.reception, api, people, house.preference_desk, on_refused=lambda _: on_refused()
        )
        door = _Door(access.signing_secret)

        @asynccontextmanager
        async def listening() -> AsyncIterator[None]:
            async with listener:
                with nullcontext() if access.app_token else door.open_to(listener.app):
                    yield

        yield Platform(
            "slack",
            replies,
            history,
            listening=listening,
            routes=() if access.app_token else (web.post(PATH, door.receive),),
            check=Check(listener.ready),
        )
