"""Discord's REST API with the bot's token alone: one call, and what came of it in the conversation's own terms.

The calls are discord.py's; how they are made is not. Its HTTPClient sleeps inside a call: after the one that spends a
bucket's last token, on a 429, and before it repeats what a 5xx may have done already. Here every call is one request,
granted by the budget before, and nothing is repeated: Delivery decides what comes next. No gateway is needed.

Proxies: HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured, except for this machine itself. Custom CA: SSL_CERT_FILE
and SSL_CERT_DIR are.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from discord import File
from discord.http import HTTPClient, Route, json_or_text

from adapters.discord.counting import counted
from adapters.discord.decoding import read_leniently
from adapters.discord.identity import REFUSED, DiscordRefused
from adapters.discord.limits import ABOUT_ME, EVERYWHERE
from adapters.discord.refusals import Limited, TokenRefused, refused
from adapters.proxies import proxy_for
from conversation.errors import StoreUnavailable, Unreachable
from conversation.fencing import assure_in_time
from conversation.observing import UNOBSERVED, Observer
from conversation.pacing import Allowance, RateBudget, Use, take_or_raise

log = logging.getLogger(__name__)

read_leniently()

Call = Callable[[HTTPClient], Awaitable[Any]]

TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 5.0


class _Line:
    """What all calls share: the token and the session, which is made at the first call."""

    def __init__(self, token: str, timeout_seconds: float, observer: Observer) -> None:
        self.token, self._observer = token, observer
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None

    def session(self, url: str) -> aiohttp.ClientSession:
        if self._session is None:
            # aiohttp's own context is made when it is imported, before a program could set SSL_CERT_FILE.
            context = ssl.create_default_context() if urlsplit(url).scheme == "https" else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[counted(self._observer)],
            )
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


class _OneCall(HTTPClient):
    """discord.py's calls, of which one is made: once, and at once. It raises DeliveryError."""

    def __init__(self, line: _Line) -> None:
        super().__init__(asyncio.get_running_loop())
        self._line = line
        self.spent_seconds = 0.0  # when this call was the last one that Discord allows: until it allows more

    async def request(
        self,
        route: Route,
        *,
        files: Sequence[File] | None = None,
        form: Iterable[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> Any:
        name = f"{route.method} {route.path}"
        headers = {"User-Agent": self.user_agent}
        if route.webhook_token is None:
            headers["Authorization"] = f"Bot {self._line.token}"
        kwargs.pop("reason", None)
        if form is not None:
            kwargs["data"] = data = aiohttp.FormData(quote_fields=False)  # Discord wants `files[0]` as it is
            for field in form:
                data.add_field(**field)
        try:
            async with self._line.session(route.url).request(
                route.method, route.url, headers=headers, proxy=proxy_for(route.url), **kwargs
            ) as response:
                body = await json_or_text(response)
                if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                    raise refused(name, response.status, response.headers, body)
                if response.status == HTTPStatus.OK and isinstance(body, str):
                    raise Unreachable(f"{name}: not answered by Discord", certain=False)  # by a proxy's page, say
                self.spent_seconds = _spent_seconds(response.headers)
                return body
        except aiohttp.ClientConnectorError as exc:
            raise Unreachable(f"{name}: no connection: {exc}", certain=True) from exc
        except aiohttp.ConnectionTimeoutError as exc:
            raise Unreachable(f"{name}: no connection in time", certain=True) from exc
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            # Its text may hold the address, and the address of an interaction holds its token.
            raise Unreachable(f"{name}: no answer: {type(exc).__name__}", certain=False) from exc


class DiscordApi:
    """Calls with one bot token. Used as `async with`, or ended by `aclose`; the session is made at the first call.
    `on_refused` is told, once, when Discord takes the token no more."""

    def __init__(
        self,
        token: str,
        budget: RateBudget,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        on_refused: Callable[[DiscordRefused], object] = lambda _: None,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.budget, self.observer = budget, observer
        self._line = _Line(token, timeout_seconds, observer)
        self._on_refused, self._is_refused = on_refused, False
        self._me = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the session. Safe to repeat."""
        await self._line.aclose()

    async def ask(self, allowance: Allowance, call: Call, *, spare: int = 0, spare_everywhere: int = 0) -> Any:
        """`call`, once the budget has room for it beside what is spared. Raises Paced when it has none."""
        await take_or_raise(self.budget, Use(EVERYWHERE, spare=spare_everywhere), Use(allowance, spare=spare))
        return await self.call(allowance, call)

    async def call(self, allowance: Allowance, call: Call) -> Any:
        """One call that was granted already; gives the reply's body.

        Raises Paced for a 429, which also pauses `allowance` or everything; Barred and Refusal for what Discord
        refuses; and Unreachable where Discord is away or broken, or does not know us any more: `certain` only when
        nothing can have been done.
        """
        assure_in_time()
        http = _OneCall(self._line)
        try:
            body = await call(http)
        except Limited as limited:
            await self._pause(EVERYWHERE if limited.everywhere else allowance, limited.retry_after_seconds or 0.0)
            raise
        except TokenRefused:
            self._tell_refused()
            raise
        if http.spent_seconds > 0:
            # The limit is lower than we knew, or somebody else writes with this token.
            await self._pause(allowance, http.spent_seconds)
        return body

    async def me(self) -> str:
        """Our own user id; asked once. Raises as `ask`."""
        if not self._me:
            body = await self.ask(ABOUT_ME, lambda http: http.request(Route("GET", "/users/@me")))
            self._me = str(body["id"])
        return self._me

    def _tell_refused(self) -> None:
        if not self._is_refused:
            self._is_refused = True
            log.error("%s Nothing is written until then.", REFUSED)
            self._on_refused(DiscordRefused(REFUSED))

    async def _pause(self, allowance: Allowance, seconds: float) -> None:
        with suppress(StoreUnavailable):  # the pause is then known to this answer only
            await self.budget.pause(allowance, seconds)


def _spent_seconds(headers: Mapping[str, str]) -> float:
    """How long Discord takes no more of these calls; 0 while it does (docs: topics/rate-limits, headers)."""
    if headers.get("X-RateLimit-Remaining") != "0":
        return 0.0
    try:
        return float(headers.get("X-RateLimit-Reset-After", 0.0))
    except ValueError:
        return 0.0
