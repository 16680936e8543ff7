"""What whoever runs it sees of a day in Slack: figures that add up, and nobody's words or ids anywhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from bot.metrics import Metrics, serve_metrics
from bot.roles import Role
from storage.embedded import EmbeddedValkey
from storage.gauges import read_gauges
from tests.scraping import Page, scrape
from tests.servers.behaviour import Behaviour
from tests.servers.slack import ALICE, GENERAL, PRIVATE, SlackServer, dm_of
from tests.servers.slack.cast import APP, BOB, BOT_USER, TEAM
from tests.story.programs import END_SECONDS, program, spawn
from tests.story.replicas import replica
from tests.story.slack.conftest import AGAIN, AT_ONCE, QUESTION, Office
from tests.waiting import until

IDS = [ALICE, BOB, GENERAL, PRIVATE, TEAM, BOT_USER, APP, dm_of(ALICE)]


def answer_lines(log: list[str]) -> list[dict[str, Any]]:
    """The lines of answers, as JSON."""
    lines = [json.loads(line) for line in log if line.startswith("{")]
    return [line for line in lines if line["event"] == "answer settled"]


async def test_the_figures_of_a_day_add_up(office: Office, slack: SlackServer, tmp_path: Path) -> None:
    """A question, its redelivery, a follow-up, a press, talk that is not for us, help: each is counted once, under
    what it was; and each call of Slack's under its method."""
    office.model.behaviour = AT_ONCE
    async with program(office, tmp_path) as running:
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.redeliver(next(one.id for one in slack.events if one.type == "app_mention"))
        await slack.say("and backwards?", thread_ts=ts)
        await office.settled()
        await slack.say("good morning everybody")
        await slack.mention("help")
        await slack.press(slack.thread(GENERAL, ts)[0].ts, AGAIN)
        await office.settled()
        await until("it is all settled", lambda: not slack.unacked)
        page = await scrape(running.metrics_url)
        calls = {name: len(slack.calls_of(name)) for name in {call.method for call in slack.calls}}
        async with aiohttp.ClientSession() as session, session.get(f"{running.url}/metrics") as response:
            assert response.status == 404, "never where a proxy may show it to the world"
        assert await running.terminated() == 0
        await until("the log is read", running.reading.done)
    events = page.counted("bot_events_total")
    assert events.pop(("slack", "ignored")) >= 1, "what we write is told to us, too"
    # Slack tells of each mention twice.
    assert events == {
        ("slack", "accepted"): 2,
        ("slack", "duplicate"): 2,
        ("slack", "sign"): 2,
        ("slack", "pressed"): 1,
    }
    assert page.counted("bot_replies_total") == {("complete",): 3, ("errand",): 1}
    assert page.value("bot_first_text_seconds_count") == 3
    assert page.value("bot_queue_wait_seconds_count") == 3
    assert (page.value("bot_queue_depth"), page.value("bot_dead_letters")) == (0, 0)
    made = page.counted("gen_ai_client_token_usage_count")
    model = ("text_completion", "tgi", office.model.model_id)
    assert made == {(*model, "input"): 3, (*model, "output"): 3}
    told = page.counted("bot_platform_requests_total")
    assert {method for _, method in told} <= {*calls, "socket"}
    for method, times in calls.items():
        # What ends an answer may be on its way while the page is read.
        counted = sum(value for (_, name), value in told.items() if name == method)
        assert counted == times, method
    lines = answer_lines(running.log)
    assert [line["outcome"] for line in lines] == ["complete"] * 3
    assert [line["command"] for line in lines] == ["ask", "ask", "again"]


async def test_what_slack_refuses_is_counted_by_its_word(office: Office, slack: SlackServer) -> None:
    """A limit under 429, an error under Slack's own word, what got no answer apart; an unknown word under none."""
    office.model.behaviour = AT_ONCE
    metrics = Metrics()
    slack.fail("chat.startStream", "ratelimited", times=1)
    slack.fail("chat.update", "a_word_of_tomorrow", times=1)
    slack.lose_reply("chat.postMessage")
    async with replica(office.settings, observer=metrics):
        await slack.mention(QUESTION)
        await office.settled()
        await slack.dm("hello")
        await office.settled()
    told = Page(metrics.page("", None)[0].decode()).counted("bot_platform_requests_total")
    assert {code for code, _ in told} <= {"200", "101", "429", "no_answer", "other"}
    assert told["429", "chat.startStream"] >= 1
    assert told["other", "chat.update"] == 1
    assert not any("tomorrow" in part for labels in told for part in labels)


async def test_a_conversation_full_of_names_and_secrets_leaves_none_in_logs_or_metrics(
    office: Office, slack: SlackServer, tmp_path: Path
) -> None:
    """Texts, people's names, files' names, places and people's ids; though the model breaks off with the question in
    its error, answers with it in what is no frame, and Slack fails with words of its own."""
    words = ["treasure", "swordfish", "hideout", "blackbeard", "human", "alice"]
    file = slack.add_file("hideout.py", b"def blackbeard(): pass\n")
    office.model.next_behaviours.extend(
        [
            Behaviour(error_after=3, error={"error": "cannot parse 'treasure map'", "error_type": "generation"}),
            Behaviour(garbage_after=2, garbage=b"data: {treasure swordfish}"),
            Behaviour(text="my answer is swordfish"),
            Behaviour(status=400, body=b'{"error": {"message": "input: treasure", "type": "BadRequestError"}}'),
            Behaviour(status=502, body=b"<html>treasure</html>", content_type="text/html"),
            Behaviour(text="my answer is swordfish", token_delay=0.01),
        ]
    )
    slack.fail("chat.appendStream", "internal_error")
    slack.fail("users.info", "no swordfish here", times=3)
    async with program(office, tmp_path, log_level="DEBUG") as running:
        first = await slack.mention("where is the treasure?", files=[file])
        await office.settled()
        await slack.mention("treasure in the private channel", channel=PRIVATE)
        await slack.dm("treasure for me alone", user=BOB)
        await slack.command("/corral", "private where is the treasure?")
        await slack.edit(first, "where is the other treasure?")
        await office.settled()
        slack.cut()
        await slack.delete(first)
        await office.settled()
        page = await scrape(running.metrics_url)
        assert await running.terminated() == 0
        await until("the log is read", running.reading.done)
    log = "".join(running.log)
    assert "stream cut" in log
    assert len(answer_lines(running.log)) >= 4
    for text in (log, page.text):
        assert [word for word in [*words, *IDS] if word.lower() in text.lower()] == []
    secrets = [slack.bot_token, slack.app_token, slack.signing_secret]
    assert [word for word in secrets if word in log + page.text] == []


async def test_a_scrape_while_the_store_is_away(office: Office, redis_server_factory: Any, tmp_path: Path) -> None:
    """The page comes all the same, and soon; what only the store knows is missing, and comes back with it."""
    server: EmbeddedValkey = redis_server_factory()
    url = await asyncio.to_thread(server.start)
    async with program(office, tmp_path, redis_url=url) as running:
        assert (await scrape(running.metrics_url)).value("bot_queue_depth") == 0
        await asyncio.to_thread(server.stop)
        page = await scrape(running.metrics_url)
        assert page.value("bot_queue_depth") is None
        assert page.value("bot_lease_lost_total") == 0
        status, health = await running.page("readyz")
        assert (status, health["status"]) == (503, "not ready")
        status, _ = await running.page("livez")
        assert status == 200
        await asyncio.to_thread(server.start)

        async def is_back() -> bool:
            return (await scrape(running.metrics_url)).value("bot_queue_depth") == 0

        await until("the store is back", is_back)


async def test_a_port_that_is_taken_is_said_with_what_to_do(office: Office, tmp_path: Path) -> None:
    """Exit code 2, as for every setting that cannot be; the sentence names the setting."""
    async with serve_metrics("127.0.0.1", 0, Metrics(), lambda: read_gauges(office.redis, office.keys)) as port:
        process = await spawn(office, tmp_path, metrics_port=str(port))
        _, err = await asyncio.wait_for(process.communicate(), END_SECONDS)
    assert process.returncode == 2
    assert f"METRICS_PORT: cannot listen on 127.0.0.1:{port}" in err.decode()
    assert "Set another, or 0 for a free one." in err.decode()
    assert "Traceback" not in err.decode()


async def test_without_its_model_it_is_ready_but_degraded(office: Office, tmp_path: Path) -> None:
    """Questions are taken and wait. It is asked each time: that it was there once says nothing of now."""
    async with program(office, tmp_path) as running:

        async def stands(status: str) -> bool:
            code, page = await running.page("readyz")
            assert code == 200
            return bool(page["status"] == status)

        await until("it is ready", lambda: stands("ready"))
        port = int(office.model.url.rpartition(":")[2])
        await office.model.stop()
        _, page = await running.page("readyz")
        assert (page["status"], page["checks"]["slack"], page["checks"]["store"]) == ("degraded", "ok", "ok")
        assert page["checks"]["model"] != "ok"
        await office.model.start(port)
        await until("it is ready again", lambda: stands("ready"))


async def test_a_replica_that_only_listens_counts_events_and_no_answers(office: Office, slack: SlackServer) -> None:
    """Each process tells of what it did itself."""
    office.model.behaviour = AT_ONCE
    listening, working = Metrics(), Metrics()
    async with (
        replica(office.settings, Role.LISTENER, listening),
        replica(office.settings, Role.WORKER, working),
    ):
        await slack.mention(QUESTION)
        await office.settled()
    heard, answered = (Page(one.page("", None)[0].decode()) for one in (listening, working))
    events = heard.counted("bot_events_total")
    assert (events["slack", "accepted"], events["slack", "duplicate"]) == (1, 1)
    assert heard.counted("bot_replies_total") == {}
    assert answered.counted("bot_events_total") == {}
    assert answered.counted("bot_replies_total") == {("complete",): 1}
