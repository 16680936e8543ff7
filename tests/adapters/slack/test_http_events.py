"""Slack's requests over HTTP: who may send them, and that they do what envelopes do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from adapters.slack import http_events
from adapters.slack.commands import ANSWER_COMES, HELP
from adapters.slack.listener import SlackListener
from adapters.slack.receiving import Receiving
from conversation.errors import StoreUnavailable
from storage.embedded import EmbeddedValkey
from tests.adapters.slack import odd_payloads
from tests.adapters.slack.test_listener import Desk, access, all_acked, desk_of, job_messages
from tests.adapters.slack.test_listener import listening as of_replica
from tests.servers.slack import SlackServer, sign
from tests.servers.slack.transports import OverHttp
from tests.waiting import until

HELLO = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"type": "team_join"}})


@asynccontextmanager
async def served(listener: SlackListener, secret: str) -> AsyncIterator[str]:
    """The address that Slack calls."""
    app = web.Application()
    app.add_routes(http_events.routes(listener.app, secret))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}{http_events.PATH}"
    await runner.cleanup()


@asynccontextmanager
async def listening(slack: SlackServer, desk: Desk, *, contact_seconds: float = 10.0) -> AsyncIterator[str]:
    tokens = access(slack, app_token="", signing_secret=slack.signing_secret)
    async with (
        of_replica(tokens, desk, contact_seconds=contact_seconds) as listener,
        served(listener, slack.signing_secret) as url,
    ):
        slack.deliver_to(url)
        yield url


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(retry_delays=(0.0, *[0.3] * 40)) as slack:
        yield slack


@pytest.fixture
async def desk(redis_client: Redis, valkey_url: str) -> AsyncIterator[Desk]:
    async with desk_of(valkey_url) as desk:
        yield desk


@pytest.fixture
async def url(slack: SlackServer, desk: Desk) -> AsyncIterator[str]:
    async with listening(slack, desk) as url:
        yield url


async def post(url: str, body: str | bytes, headers: dict[str, str]) -> int:
    async with aiohttp.ClientSession() as client, client.post(url, data=body, headers=headers) as response:
        return response.status


def signed(slack: SlackServer, body: str, timestamp: int | str | None = None) -> dict[str, str]:
    at = int(time.time()) if timestamp is None else timestamp
    return {
        "X-Slack-Request-Timestamp": str(at),
        "X-Slack-Signature": sign(body, at, slack.signing_secret),
        "Content-Type": "application/json",
    }


class TestSignature:
    async def test_slacks_own_is_taken(self, slack: SlackServer, url: str) -> None:
        """And so is its clock, when it is a little off."""
        for offset in (0, -200, 200):
            assert await post(url, HELLO, signed(slack, HELLO, int(time.time()) + offset)) == 200

    @pytest.mark.parametrize(
        "timestamp",
        [
            lambda now: now - 400,
            lambda now: now + 400,
            lambda now: "soon",
            lambda now: "",
            lambda now: f"{now}.0",
            lambda now: f" {now}",
            lambda now: f"-{now}",
            lambda now: f"{now // 1000}_{now % 1000:03}",
            lambda now: "9" * 400,
            lambda now: "nan",
        ],
        ids=["old", "future", "word", "empty", "fraction", "space", "negative", "underscore", "huge", "nan"],
    )
    async def test_the_time_must_be_now(
        self, slack: SlackServer, url: str, timestamp: Callable[[int], int | str]
    ) -> None:
        """Even when the signature is right: what was recorded yesterday is no request of today."""
        assert await post(url, HELLO, signed(slack, HELLO, timestamp(int(time.time())))) == 401

    @pytest.mark.parametrize("missing", ["X-Slack-Request-Timestamp", "X-Slack-Signature"])
    async def test_both_headers_must_be_there(self, slack: SlackServer, url: str, missing: str) -> None:
        """Nobody else signs."""
        headers = signed(slack, HELLO)
        del headers[missing]
        assert await post(url, HELLO, headers) == 401

    @pytest.mark.parametrize("signature", ["", "v0=", "v0=" + "0" * 64, "v1=" + "0" * 64, "ä", "v0=é" + "0" * 63])
    async def test_the_signature_must_be_right(self, slack: SlackServer, url: str, signature: str) -> None:
        """Whatever it looks like."""
        assert await post(url, HELLO, signed(slack, HELLO) | {"X-Slack-Signature": signature}) == 401

    async def test_the_signature_is_of_this_body_time_and_secret(self, slack: SlackServer, url: str) -> None:
        """Nothing of it can be changed."""
        headers = signed(slack, HELLO)
        now = int(headers["X-Slack-Request-Timestamp"])
        assert await post(url, HELLO.replace("Ev1", "Ev2"), headers) == 401
        assert await post(url, HELLO, headers | {"X-Slack-Request-Timestamp": str(now + 1)}) == 401
        assert await post(url, HELLO, headers | {"X-Slack-Signature": sign(HELLO, now, "another secret")}) == 401
        assert await post(url, b"\xff\xfe", headers) == 401

    async def test_an_unsigned_request_stores_nothing(self, slack: SlackServer, desk: Desk, url: str) -> None:
        """It is refused before it is read."""
        slack.deliveries.transport = OverHttp(url, "another secret")
        slack.deliveries.retry_delays = ()
        await slack.mention("q")
        await until("Slack has given up", lambda: all(event.given_up for event in slack.events))
        assert {event.reason for event in slack.events} == {"http_error"}
        assert await desk.depth() == 0

    async def test_no_secret_is_no_server(self, slack: SlackServer, desk: Desk) -> None:
        """Anybody could sign with an empty one."""
        async with of_replica(access(slack, app_token=""), desk) as listener:
            with pytest.raises(ValueError, match="empty"):
                http_events.routes(listener.app, "")


class TestSize:
    async def test_a_large_body_is_refused(self, slack: SlackServer, url: str) -> None:
        """By its length, and without one as soon as there is too much of it."""

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield b" " * (1 << 16)

        large = HELLO + " " * http_events.MAX_BODY_BYTES
        async with aiohttp.ClientSession() as client:
            async with client.post(url, data=large, headers=signed(slack, large)) as response:
                assert response.status == 413
            async with client.post(url, data=pieces(), headers=signed(slack, large)) as response:
                assert response.status == 413

    async def test_the_largest_body_is_taken(self, slack: SlackServer, url: str) -> None:
        """One mebibyte."""
        body = HELLO.ljust(http_events.MAX_BODY_BYTES)
        assert await post(url, body, signed(slack, body)) == 200

    async def test_a_body_that_does_not_come_is_not_waited_for(
        self, slack: SlackServer, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A slow sender holds nothing for long."""
        monkeypatch.setattr(http_events, "BODY_SECONDS", 0.05)
        address, _, path = url.removeprefix("http://").partition("/")
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n{{".encode())
        async with asyncio.timeout(10):
            assert b" 408 " in await reader.readline()
        writer.close()


@pytest.mark.usefixtures("url")
class TestRequests:
    async def test_slack_accepts_the_address(self, slack: SlackServer) -> None:
        """The challenge comes back."""
        transport = slack.deliveries.transport
        assert isinstance(transport, OverHttp)
        assert await transport.verify()

    async def test_a_mention_is_one_job(self, slack: SlackServer, desk: Desk) -> None:
        """Brought as often as Slack likes."""
        await slack.mention("why <@U0HUMAN001>?")
        await all_acked(slack)
        for event in slack.events:
            await slack.redeliver(event.id)
        await until("all came twice", lambda: all(len(event.sent) == 2 for event in slack.events))
        assert job_messages(await desk.claim()) == ["why @bob?"]
        assert await desk.depth() == 1

    async def test_a_command_is_answered_and_asked_once(self, slack: SlackServer, desk: Desk) -> None:
        """Also when somebody replays the request within its five minutes."""
        assert (await slack.command("/corral", "help")).reply["text"] == HELP
        delivery = await slack.command("/corral", "q")
        assert delivery.reply == {"response_type": "ephemeral", "text": ANSWER_COMES}
        await slack.deliveries.transport.bring(delivery, 3.0)
        assert job_messages(await desk.claim()) == ["q"]
        assert await desk.depth() == 1

    async def test_a_form_is_opened_and_sent_in(self, slack: SlackServer, desk: Desk) -> None:
        """What is wrong, and which languages there are, comes with the answer to the request."""
        assert (await slack.command("/corral", "explain")).reply == {}
        assert (await slack.suggest("language", "pyth"))[0]["value"] == "python"
        assert (await slack.submit(code="")).reply["errors"].keys() == {"code"}
        assert (await slack.submit(code="x = 1")).reply == {}
        assert (await desk.claim()).job.messages[0].text.endswith("```\nx = 1\n```")

    async def test_a_shortcut_asks(self, slack: SlackServer, desk: Desk) -> None:
        """Interactions come as a form."""
        ts = await slack.say("why?")
        assert (await slack.shortcut("corral_ask", message_ts=ts)).acked
        assert (await desk.claim()).job.messages[0].address.thread == ts

    async def test_a_signed_request_that_is_no_json(self, slack: SlackServer, url: str) -> None:
        """It is refused, and nothing breaks."""
        for body in ("{", "[1]", '"x"', "", "payload={", "payload=[]"):
            form = {"Content-Type": "application/x-www-form-urlencoded"} if body.startswith("payload") else {}
            assert await post(url, body, signed(slack, body) | form) in {200, 400}
        assert await post(url, HELLO, signed(slack, HELLO)) == 200


class TestOddPayloads:
    @pytest.mark.parametrize("kind", odd_payloads.PAYLOADS)
    async def test_what_is_signed_and_wrong_is_refused_or_ignored(
        self, slack: SlackServer, url: str, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever stands where something else should: never a 500, and nothing of it in the log."""
        wrong = []
        async with aiohttp.ClientSession() as client:
            for payload in odd_payloads.odd(odd_payloads.PAYLOADS[kind]):
                body = odd_payloads.form(payload) if kind in {"press", "shortcut"} else payload
                async with client.post(url, data=body.encode(), headers=signed(slack, body)) as response:
                    if response.status not in {200, 400}:
                        wrong.append((response.status, body[:300]))
        assert wrong == []
        assert odd_payloads.SECRET_WORDS not in caplog.text
        assert await post(url, HELLO, signed(slack, HELLO)) == 200

    @pytest.mark.parametrize("body", odd_payloads.BODIES, ids=lambda body: repr(body[:12]))
    async def test_what_is_no_payload_is_refused(self, slack: SlackServer, url: str, body: str) -> None:
        """And what comes next is taken."""
        for type_ in ("application/json", "application/x-www-form-urlencoded", "text/plain", ""):
            assert await post(url, body.encode(), signed(slack, body) | {"Content-Type": type_}) in {200, 400}
        assert await post(url, HELLO, signed(slack, HELLO)) == 200

    @pytest.mark.parametrize("body", [b"\xff\xfe", b'{"type":"\xff"}', b"payload=%ff", b"command=%ff%fe&text=\xc3"])
    async def test_what_is_no_utf8_is_refused(self, slack: SlackServer, url: str, body: bytes) -> None:
        """Though somebody signed it."""
        now = int(time.time())
        digest = hmac.new(slack.signing_secret.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": str(now), "X-Slack-Signature": f"v0={digest}"}
        assert await post(url, body, headers) in {200, 400}

    async def test_a_mistake_of_ours_is_no_500_and_tells_nothing_of_what_people_wrote(
        self, slack: SlackServer, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log says where it was."""

        async def fail(*_: object) -> None:
            raise KeyError(odd_payloads.SECRET_WORDS)

        monkeypatch.setattr(Receiving, "receive", fail)
        assert await post(url, HELLO, signed(slack, HELLO)) == 400
        assert "KeyError" in caplog.text
        assert odd_payloads.SECRET_WORDS not in caplog.text


class TestNotNow:
    async def test_slack_comes_again_when_the_store_is_back(
        self, slack: SlackServer, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """503 says so; a command, which comes once, says it in words."""
        server = redis_server_factory()
        async with desk_of(server.start()) as desk, listening(slack, desk):
            server.stop()
            await slack.mention("q")
            assert (await slack.command("/corral", "q")).reply["text"] == StoreUnavailable.user_notice
            await until("the mention came again", lambda: all(len(event.sent) > 1 for event in slack.events[:2]))
            assert {event.reason for event in slack.events[:2]} == {"http_error"}
            server.start()
            await all_acked(slack)
            assert job_messages(await desk.claim()) == ["q"]

    async def test_slack_comes_again_when_we_know_who_we_are(self, slack: SlackServer, desk: Desk) -> None:
        """Before that a mention of us is a mention of anybody."""
        slack.fail("auth.test", "service_unavailable")
        async with listening(slack, desk, contact_seconds=0.01) as url:
            assert await post(url, HELLO, signed(slack, HELLO)) == 503
            await slack.mention("q")
            await all_acked(slack)
            assert await desk.depth() == 1
