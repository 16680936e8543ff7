"""What Slack's answers, refusals and silences mean to whoever called."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.slack.api import Barred, Refusal, SlackApi
from adapters.slack.limits import limit_of
from conversation.errors import DeliveryError, Paced, Unwritable
from conversation.pacing import Use
from storage.keys import Keys
from storage.rates import RedisRates
from tests.servers.slack import ELSEWHERE, GENERAL, SlackServer

TEAM = "T0TEAM0001"


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A Slack."""
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def api(slack: SlackServer, redis_client: Redis) -> AsyncIterator[SlackApi]:
    """Our client of it, which does not wait long."""
    rates = RedisRates(redis_client, Keys())
    async with SlackApi(slack.bot_token, rates, base_url=slack.api_url, timeout_seconds=0.5) as client:
        yield client


async def post(api: SlackApi, channel: str = GENERAL) -> object:
    """Any call that writes."""
    return await api.call(TEAM, "chat.postMessage", channel=channel, text="Hello", thread_ts=None)


async def test_a_reply_is_its_body_and_what_is_none_is_not_sent(api: SlackApi, slack: SlackServer) -> None:
    """Slack takes an argument that is null for a wrong one."""
    reply = await api.call(TEAM, "chat.postMessage", channel=GENERAL, text="Hello", thread_ts=None)
    assert slack.message(reply["ts"]).text == "Hello"
    assert set(slack.calls[0].args) == {"channel", "text"}


async def test_who_we_are_is_asked_once(api: SlackApi, slack: SlackServer) -> None:
    """It does not change while a token lives."""
    me = await api.me()
    assert await api.me() is me
    assert (me.user, me.bot, me.team) == (slack.bot_user, slack.bot_id, slack.team)
    assert len(slack.calls) == 1


async def test_a_429_pauses_the_method_for_everybody(api: SlackApi, slack: SlackServer) -> None:
    """Whoever asked too often asks no more until Slack allows it, in all replicas."""
    slack.fail("chat.postMessage", error="ratelimited", status=429, retry_after=7)
    with pytest.raises(Paced) as paced:
        await post(api)
    assert paced.value.retry_after_seconds == 7
    assert paced.value.certain
    assert (await api.budget.take(Use(limit_of(TEAM, "chat.postMessage")))).wait_seconds > 0
    assert (await api.budget.take(Use(limit_of(TEAM, "chat.update")))).wait_seconds == 0
    with pytest.raises(Paced):
        await api.ask(TEAM, "chat.postMessage", channel=GENERAL, text="Hello")
    assert len(slack.calls) == 1


async def test_a_429_that_does_not_say_how_long_is_a_429_all_the_same(api: SlackApi, slack: SlackServer) -> None:
    """Half a minute is what is left of Slack's minute on average."""
    slack.fail("chat.postMessage", error="ratelimited", status=429)
    with pytest.raises(Paced) as paced:
        await post(api)
    assert paced.value.retry_after_seconds == 30


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_after_a_5xx_nobody_knows(api: SlackApi, slack: SlackServer, status: int) -> None:
    """The call may have been carried out."""
    slack.fail("chat.postMessage", status=status)
    with pytest.raises(DeliveryError) as error:
        await post(api)
    assert not error.value.certain


@pytest.mark.parametrize("fault", ["lose_reply", "break_body", "hang"])
async def test_without_a_reply_nobody_knows(api: SlackApi, slack: SlackServer, fault: str) -> None:
    """A cut connection, a proxy's page, a time-out."""
    getattr(slack, fault)("chat.postMessage")
    with pytest.raises(DeliveryError) as error:
        await post(api)
    assert not error.value.certain
    assert not isinstance(error.value, (Refusal, Unwritable))
    slack.release()


async def test_an_error_inside_of_slack_is_no_certain_refusal(api: SlackApi, slack: SlackServer) -> None:
    """Its documentation says that something may have succeeded."""
    slack.fail("chat.postMessage", error="fatal_error")
    with pytest.raises(Refusal) as error:
        await post(api)
    assert (error.value.code, error.value.certain) == ("fatal_error", False)


async def test_without_a_connection_nothing_was_sent(redis_client: Redis) -> None:
    """It can be sent again without a look."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/api/"
        async with SlackApi("xoxb-test", RedisRates(redis_client, Keys()), base_url=address) as api:
            with pytest.raises(DeliveryError) as error:
                await post(api)
    assert error.value.certain


async def test_a_refusal_has_slacks_word_for_it(api: SlackApi, slack: SlackServer) -> None:
    """What that means is for the caller to say."""
    with pytest.raises(Refusal) as error:
        await api.call(TEAM, "chat.update", channel=GENERAL, ts="1.000001", text="Hello")
    assert (error.value.code, error.value.certain) == ("message_not_found", True)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("is_archived", "This channel is archived."),
        ("not_in_channel", "I am not in this channel. Invite me with `/invite`, and ask again."),
        ("restricted_action", "I may not write here. An admin of this workspace can change that."),
        ("account_inactive", "I was removed from this workspace."),
    ],
)
async def test_a_place_that_takes_nothing_has_a_sentence(
    api: SlackApi, slack: SlackServer, code: str, sentence: str
) -> None:
    """The person reads it, and what can be done."""
    slack.fail("chat.postMessage", error=code)
    with pytest.raises(Barred) as error:
        await post(api)
    assert error.value.user_notice == sentence
    assert isinstance(error.value, Unwritable)


async def test_a_channel_where_we_are_not_refuses_by_itself(api: SlackApi) -> None:
    """The server says it as Slack does."""
    with pytest.raises(Barred):
        await post(api, ELSEWHERE)


async def test_neither_token_nor_text_is_in_an_error(api: SlackApi, slack: SlackServer) -> None:
    """Errors end in logs."""
    slack.fail("chat.postMessage", error="something_new")
    with pytest.raises(DeliveryError) as error:
        await api.call(TEAM, "chat.postMessage", channel=GENERAL, text="a secret")
    assert "secret" not in str(error.value)
    assert slack.bot_token not in str(error.value)


async def test_a_proxy_is_not_asked_for_this_machine(
    slack: SlackServer, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """slack_sdk itself would do so."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with SlackApi(slack.bot_token, RedisRates(redis_client, Keys()), base_url=slack.api_url) as api:
        await post(api)
