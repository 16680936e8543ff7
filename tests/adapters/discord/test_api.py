"""What Discord's answers, refusals and silences mean to whoever called."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from discord.http import HTTPClient, MultipartParameters, Route
from redis.asyncio import Redis

from adapters.discord.api import DiscordApi
from adapters.discord.ephemeral import is_expired
from adapters.discord.identity import REFUSED
from adapters.discord.limits import EVERYWHERE, edits_by, edits_in, sends_in
from adapters.discord.refusals import Barred, Refusal
from conversation.errors import CorralError, Paced, Unreachable
from conversation.pacing import Use
from storage.keys import Keys
from storage.rates import RedisRates
from tests.servers.discord import BOT_USER, GENERAL, DiscordServer, pointed_at
from tests.servers.discord.cast import APP
from tests.servers.discord.limits import Limits
from tests.servers.discord.routes import FOLLOW_UP, SEND

HELLO = MultipartParameters(payload={"content": "Hello"}, multipart=None, files=None)


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    """A Discord, to which all calls of this process go."""
    async with DiscordServer() as server:
        with server.pointed():
            yield server


@pytest.fixture
async def api(discord: DiscordServer, redis_client: Redis) -> AsyncIterator[DiscordApi]:
    """Our client of it, which does not wait long."""
    async with DiscordApi(discord.bot_token, RedisRates(redis_client, Keys()), timeout_seconds=0.5) as client:
        yield client


async def post(api: DiscordApi, channel: str = GENERAL) -> Any:
    """Any call that writes."""
    return await api.call(sends_in(channel), lambda http: http.send_message(channel, params=HELLO))


async def wait_seconds(api: DiscordApi, channel: str = GENERAL) -> float:
    """How long a post has to wait now."""
    return (await api.budget.take(Use(EVERYWHERE), Use(sends_in(channel)))).wait_seconds


async def test_a_reply_is_its_body(api: DiscordApi, discord: DiscordServer) -> None:
    """With one request, as a bot."""
    assert discord.message((await post(api))["id"]).content == "Hello"
    assert len(discord.calls) == 1


async def test_who_we_are_is_asked_once(api: DiscordApi, discord: DiscordServer) -> None:
    """It does not change while a token lives."""
    assert [await api.me(), await api.me()] == [BOT_USER, BOT_USER]
    assert len(discord.calls) == 1


async def test_a_429_pauses_its_limit_for_everybody(api: DiscordApi, discord: DiscordServer) -> None:
    """And is not waited for inside the call."""
    discord.fail(SEND, 429, retry_after=3)
    async with asyncio.timeout(1):
        with pytest.raises(Paced) as paced:
            await post(api)
    assert paced.value.retry_after_seconds == 3
    assert 2 < await wait_seconds(api) <= 3.002  # the store rounds up
    assert (await api.budget.take(Use(edits_in(GENERAL)))).wait_seconds == 0
    assert await wait_seconds(api, "1") == 0


async def test_a_429_for_what_others_use_too_pauses_just_that(api: DiscordApi, discord: DiscordServer) -> None:
    """A limit of the channel's own, whoever uses it up: it comes as any other, and is no mistake of ours."""
    discord.fail(SEND, 429, retry_after=3, scope="shared")
    with pytest.raises(Paced) as paced:
        await post(api)
    assert paced.value.retry_after_seconds == 3
    assert 2 < await wait_seconds(api) <= 3.002
    assert await wait_seconds(api, "1") == 0
    assert (discord.rate_limited, discord.invalid_requests) == (1, 0)


@pytest.mark.parametrize("is_page", [False, True])
async def test_a_429_for_everything_pauses_everything(api: DiscordApi, discord: DiscordServer, is_page: bool) -> None:
    """Discord's own, or a page of what guards it: our whole address asked too often."""
    if is_page:
        discord.break_body(SEND, status=429)
    else:
        discord.api.limits = Limits(per_second=1)
        await post(api)
    with pytest.raises(Paced):
        await post(api)
    assert await wait_seconds(api, "1") > 0


async def test_whoever_spends_the_last_call_tells_the_others(redis_client: Redis) -> None:
    """Discord's limits may be lower than what we know of them; then nobody has to be refused first."""
    async with DiscordServer(limits=True) as discord:
        assert discord.api.limits is not None
        discord.api.limits.per_window[SEND] = (2, 4.0)
        with discord.pointed():
            async with DiscordApi(discord.bot_token, RedisRates(redis_client, Keys())) as api:
                await post(api)
                assert await wait_seconds(api) == 0
                await post(api)
                assert 2 < await wait_seconds(api) <= 4.002
        assert discord.rate_limited == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_a_failure_of_discords_is_uncertain(api: DiscordApi, discord: DiscordServer, status: int) -> None:
    """It may have done it; nothing is repeated here, and Discord is waited for."""
    discord.fail(SEND, status)
    with pytest.raises(Unreachable) as error:
        await post(api)
    assert not error.value.certain
    assert len(discord.calls) == 1


async def test_a_call_without_an_answer_is_uncertain(api: DiscordApi, discord: DiscordServer) -> None:
    """A cut connection, a proxy's page, a time-out."""
    for break_it in discord.lose_reply, discord.break_body, discord.hang:
        break_it(SEND)
        with pytest.raises(Unreachable) as error:
            await post(api)
        assert not error.value.certain


async def test_a_page_that_says_that_all_is_well_is_no_answer_of_discords(
    api: DiscordApi, discord: DiscordServer
) -> None:
    """A proxy's, say, that wants somebody to log in."""
    discord.break_body(SEND, status=200)
    with pytest.raises(Unreachable) as error:
        await post(api)
    assert not error.value.certain


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
async def test_a_page_of_what_guards_discord_closes_no_place(
    api: DiscordApi, discord: DiscordServer, status: int
) -> None:
    """Cloudflare shuts out our address, not one channel; it is not hammered, and nothing was done."""
    discord.break_body(SEND, status=status)
    with pytest.raises(Unreachable) as error:
        await post(api)
    assert (error.value.certain, error.value.retry_after_seconds) == (True, 30.0)


async def test_the_guards_own_code_closes_no_place(api: DiscordApi, discord: DiscordServer) -> None:
    """40333, "internal network error", comes as Discord's errors do."""
    discord.fail(SEND, 403, code=40333)
    with pytest.raises(Unreachable) as error:
        await post(api)
    assert error.value.certain


async def test_a_token_that_is_refused_is_told_once_and_no_answer_is_given_up_for_it(
    discord: DiscordServer, redis_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reset it starts us anew, with the new one."""
    told: list[CorralError] = []
    rates = RedisRates(redis_client, Keys())
    async with DiscordApi(discord.bot_token, rates, on_refused=told.append) as api:
        discord.fail(SEND, 401, times=2)
        for _ in range(2):
            with pytest.raises(Unreachable) as error:
                await post(api)
            assert error.value.certain
    assert [str(one) for one in told] == [REFUSED]
    assert caplog.text.count(REFUSED) == 1


async def test_an_interactions_token_that_is_refused_is_not_ours(discord: DiscordServer, redis_client: Redis) -> None:
    """Whatever the code: the bot's token was not even sent."""
    told: list[CorralError] = []
    route = Route("POST", "/webhooks/{webhook_id}/{webhook_token}", webhook_id=APP, webhook_token="t")
    async with DiscordApi(discord.bot_token, RedisRates(redis_client, Keys()), on_refused=told.append) as api:
        discord.fail(FOLLOW_UP, 401)
        with pytest.raises(Refusal) as error:
            await api.call(edits_by("t"), lambda http: http.request(route, json={}))
    assert (is_expired(error.value), told) == (True, [])


async def test_a_discord_that_is_not_there_got_nothing(redis_client: Redis) -> None:
    """So it can be sent again."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pointed_at(url):
        async with DiscordApi("token", RedisRates(redis_client, Keys())) as api:
            with pytest.raises(Unreachable) as error:
                await post(api)
    assert error.value.certain


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (404, 10003, "This channel is gone."),
        (403, 50001, "I may not see this channel."),
        (403, 50013, "I may not write here."),
        (403, 50007, "You take no direct messages from me."),
        (403, 50278, "You take no direct messages from me."),
        (403, 99999, "I may not write here."),
        (400, 160005, "This thread is locked."),
    ],
)
async def test_a_place_that_is_closed_says_why(
    api: DiscordApi, discord: DiscordServer, status: int, code: int, sentence: str
) -> None:
    """In a sentence for the person."""
    discord.fail(SEND, status, code=code)
    with pytest.raises(Barred) as error:
        await post(api)
    assert error.value.code == code
    assert error.value.user_notice.startswith(sentence)


@pytest.mark.parametrize(("status", "code"), [(404, 10008), (400, 50083), (400, 160004), (401, 50027), (400, 50035)])
async def test_what_leaves_something_to_do_has_its_code(
    api: DiscordApi, discord: DiscordServer, status: int, code: int
) -> None:
    """And surely did nothing."""
    discord.fail(SEND, status, code=code)
    with pytest.raises(Refusal) as error:
        await post(api)
    assert (error.value.code, error.value.certain) == (code, True)


async def test_asking_takes_room_first(api: DiscordApi, discord: DiscordServer) -> None:
    """Four posts are granted at once, and the fifth is not even sent."""

    def say(http: HTTPClient) -> Any:
        return http.send_message(GENERAL, params=HELLO)

    for _ in range(4):
        await api.ask(sends_in(GENERAL), say)
    with pytest.raises(Paced):
        await api.ask(sends_in(GENERAL), say)
    assert len(discord.calls) == 4


async def test_a_proxy_is_not_asked_for_this_machine(
    api: DiscordApi, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs here needs no way out."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    await post(api)
    assert len(discord.calls) == 1
