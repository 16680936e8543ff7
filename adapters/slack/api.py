"""Slack's Web API: one call, and what came of it in the conversation's own terms.

Nothing is repeated here: a repeated post is a second message. Delivery looks for the first one before it sends again.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, Self

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.proxies import proxy_for
from adapters.slack.addresses import is_slacks, origin_of
from adapters.slack.client import web_client
from adapters.slack.counting import DOWNLOAD, LIMITED, OK, RESPOND, SOCKET, SWITCHED, UPLOAD, Call
from adapters.slack.identity import Identity
from adapters.slack.limits import METHODS, limit_of
from conversation.errors import DeliveryError, Paced, StoreUnavailable, Unreachable, Unwritable
from conversation.fencing import assure_in_time
from conversation.observing import UNOBSERVED, Observer
from conversation.pacing import RateBudget, Use, take_or_raise

Reply = Mapping[str, Any]

TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 5.0
# When a 429 does not say how long; Slack's windows are a minute long.
UNSAID_RETRY_SECONDS = 30.0

# These take no JSON (docs.slack.dev/apis/web-api: "Posting JSON", and slack_sdk's own way of calling them).
_FORMS = frozenset({"auth.test", "conversations.history", "conversations.info", "conversations.open"}) | frozenset(
    {"conversations.members", "conversations.replies", "files.getUploadURLExternal", "files.delete", "files.info"}
    | {"users.info"}
)
# Slack is broken or away, and says so with HTTP 200: "some aspect of the operation may have succeeded" (the methods'
# pages, on errors).
_UNCERTAIN = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})

# What is no word of Slack's is a proxy's, say, and could be anything.
_CODE = re.compile(r"[a-z0-9_.]{1,64}")

_ARCHIVED = "This channel is archived."
_NOT_IN = "I am not in this channel. Invite me with `/invite`, and ask again."
_FORBIDDEN = "I may not write here. An admin of this workspace can change that."
_GONE = "The message that I was to answer under is gone."
_REMOVED = "I was removed from this workspace."
_BARRED = {
    "account_inactive": _REMOVED,
    "token_revoked": _REMOVED,
    "channel_not_found": _NOT_IN,
    "not_in_channel": _NOT_IN,
    "is_archived": _ARCHIVED,
    "is_inactive": _ARCHIVED,  # chat.update's word for it
    "invalid_thread_ts": _GONE,
    "cannot_reply_to_message": _GONE,
    "thread_locked": _FORBIDDEN,
    "access_denied": _FORBIDDEN,
    "ekm_access_denied": _FORBIDDEN,
    "messages_tab_disabled": _FORBIDDEN,
    "missing_scope": _FORBIDDEN,
    "no_permission": _FORBIDDEN,
    "not_allowed_token_type": _FORBIDDEN,
    "restricted_action": _FORBIDDEN,
    "restricted_action_non_threadable_channel": _FORBIDDEN,
    "restricted_action_read_only_channel": _FORBIDDEN,
    "restricted_action_thread_locked": _FORBIDDEN,
    "restricted_action_thread_only_channel": _FORBIDDEN,
    "team_access_not_granted": _FORBIDDEN,
    "user_is_restricted": _FORBIDDEN,
}


class Refusal(DeliveryError):
    """Slack said no, with a code (`"ok": false`) that leaves something to do."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}", certain=True)
        self.code = code


class Barred(Unwritable):
    """Slack said no, with a code that says it for the whole place."""

    def __init__(self, method: str, code: str, *, user_notice: str = "") -> None:
        super().__init__(f"{method}: {code}", user_notice=user_notice or _BARRED.get(code, _FORBIDDEN))
        self.code = code


class SlackApi:
    """Calls with one token. Used as `async with`, or ended by `aclose`; the session is made at the first call."""

    def __init__(
        self,
        token: str,
        budget: RateBudget,
        *,
        base_url: str = AsyncWebClient.BASE_URL,
        timeout_seconds: float = TIMEOUT_SECONDS,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.budget, self.observer = budget, observer
        self._client = web_client(token, base_url)
        self._origin, self._token = origin_of(base_url), token
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS)
        self._me: Identity | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the session. Safe to repeat."""
        if self._client.session is not None:
            await self._client.session.close()

    async def ask(self, team: str, method: str, *, spare: int = 0, **arguments: object) -> Reply:
        """`call`, once the workspace's budget has room for it beside `spare` others. Raises Paced when it has none."""
        await take_or_raise(self.budget, Use(limit_of(team, method), spare=spare))
        return await self.call(team, method, **arguments)

    async def call(self, team: str, method: str, **arguments: object) -> Reply:
        """One call that was granted already; arguments that are None are left out. Gives the reply's body.

        Raises Paced for a 429, which also pauses the method's allowance; Barred and Refusal for what Slack refuses; and
        Unreachable where Slack is away or broken, `certain` only when nothing can have been sent.
        """
        assure_in_time()
        with Call(self.observer, method) as counted:
            return await self._call(team, method, arguments, counted)

    async def _call(self, team: str, method: str, arguments: Mapping[str, object], counted: Call) -> Reply:
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            if method in _FORMS:
                reply = await self._web.api_call(method, params=given)
            else:
                reply = await self._web.api_call(method, json=given)
        except SlackApiError as exc:
            raise await self._refused(team, method, exc, counted) from exc
        except aiohttp.ClientConnectorError as exc:
            raise Unreachable(f"{method}: no connection: {exc}", certain=True) from exc
        except aiohttp.ConnectionTimeoutError as exc:
            raise Unreachable(f"{method}: no connection in time", certain=True) from exc
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            # Its text may hold the request, and that the token.
            raise Unreachable(f"{method}: no answer: {type(exc).__name__}", certain=False) from exc
        counted.code = OK
        body: Reply = reply.data if isinstance(reply.data, dict) else {}
        return body

    async def upload(self, url: str, data: bytes) -> None:
        """Send a file's bytes to the address that files.getUploadURLExternal gave. Raises DeliveryError."""
        session = self._web.session
        assert session is not None
        try:
            with Call(self.observer, UPLOAD) as counted:
                async with session.post(
                    url, data=data, ssl=self._web.ssl or True, proxy=proxy_for(url), allow_redirects=False
                ) as response:
                    counted.code = str(response.status)
                if response.status != HTTPStatus.OK:
                    raise DeliveryError(f"upload: HTTP {response.status}", certain=True)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            # Bytes alone show nobody anything: what comes after them does.
            raise Unreachable(f"upload: no answer: {type(exc).__name__}", certain=True) from exc

    def request(
        self, method: str, url: str, *, with_token: bool = False, **options: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """A request to an address that a payload named; `options` are those of aiohttp's request. ValueError for one
        that is not Slack's: what is sent there, our token above all, is for nobody else."""
        if not is_slacks(url, self._origin):
            raise ValueError("an address that is not Slack's")
        return self._request(method, url, with_token=with_token, **options)

    @asynccontextmanager
    async def _request(
        self, method: str, url: str, *, with_token: bool, **options: Any
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        session = self._web.session
        assert session is not None
        headers = {"Authorization": f"Bearer {self._token}"} if with_token else {}
        with Call(self.observer, DOWNLOAD if with_token else RESPOND) as counted:
            async with session.request(
                method,
                url,
                headers=headers,
                ssl=self._web.ssl or True,
                proxy=proxy_for(url),
                allow_redirects=False,
                **options,
            ) as response:
                counted.code = str(response.status)
                yield response

    def socket(self, url: str, **options: Any) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to an address that Slack gave; `options` are those of aiohttp's ws_connect. Raises what that
        raises, whose words hold the address."""
        return self._socket(url, **options)

    @asynccontextmanager
    async def _socket(self, url: str, **options: Any) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
        session = self._web.session
        assert session is not None
        with Call(self.observer, SOCKET) as counted:
            connection = await session.ws_connect(url, proxy=self._web.proxy, ssl=self._web.ssl or True, **options)
            counted.code = SWITCHED
        async with connection:
            yield connection

    async def me(self) -> Identity:
        """Who this token is; asked once. Raises as `call`."""
        if self._me is None:
            body = await self.call("", "auth.test")
            self._me = Identity(
                team=str(body["team_id"]),
                user=str(body["user_id"]),
                bot=str(body.get("bot_id") or ""),
                enterprise=str(body.get("enterprise_id") or ""),
            )
        return self._me

    @property
    def _web(self) -> AsyncWebClient:
        if self._client.session is None:
            self._client.session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self._client

    async def _refused(self, team: str, method: str, error: SlackApiError, counted: Call) -> DeliveryError:
        """What an answer means that is no success."""
        response = error.response
        status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
        body = getattr(response, "data", None)
        code = str(body.get("error") or "") if isinstance(body, dict) else ""
        code = code if _CODE.fullmatch(code) else ""
        counted.code = code or str(status)
        if status == HTTPStatus.TOO_MANY_REQUESTS or code in {"ratelimited", "rate_limited"}:
            counted.code = LIMITED
            seconds = _retry_after(response.headers)
            if method in METHODS:
                with suppress(StoreUnavailable):  # the pause is then known to this answer only
                    await self.budget.pause(limit_of(team, method), seconds)
            return Paced(f"{method}: Slack says wait for {seconds:g} s", retry_after_seconds=seconds)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not code or code in _UNCERTAIN:
            return Unreachable(f"{method}: HTTP {status} {code}".rstrip(), certain=False)
        return Barred(method, code) if code in _BARRED else Refusal(method, code)


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        return max(1.0, float(headers.get("Retry-After", UNSAID_RETRY_SECONDS)))
    except ValueError:
        return UNSAID_RETRY_SECONDS
