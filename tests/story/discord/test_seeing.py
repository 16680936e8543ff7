"""What whoever runs it sees of a day in Discord: figures that add up, and nobody's words or ids anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.metrics import Metrics
from tests.scraping import Page, scrape
from tests.servers.behaviour import Behaviour
from tests.servers.discord import ALICE, BOB, FORUM, GENERAL, GUILD, OTHER_BOT, DiscordServer, dm_of
from tests.servers.discord.cast import APP
from tests.servers.discord.routes import EDIT, SEND
from tests.story.discord.conftest import AGAIN, AT_ONCE, HELP, QUESTION, Office
from tests.story.programs import program
from tests.story.replicas import replica
from tests.waiting import until

IDS = [ALICE, BOB, GENERAL, HELP, FORUM, GUILD, APP, dm_of(ALICE)]


def answer_lines(log: list[str]) -> list[dict[str, Any]]:
    """The lines of answers, as JSON."""
    lines = [json.loads(line) for line in log if line.startswith("{")]
    return [line for line in lines if line["event"] == "answer settled"]


async def test_the_figures_of_a_day_add_up(office: Office, discord: DiscordServer) -> None:
    """A mention, a follow-up, talk, what another bot writes, a press, a command, a private one: each is counted once;
    and each call of Discord's under its route, those of interactions too."""
    office.model.behaviour = AT_ONCE
    metrics = Metrics()
    async with replica(office.settings, observer=metrics):
        await until("the commands are registered", lambda: bool(discord.commands))
        asked = await discord.mention(QUESTION)
        await office.answered(asked)
        await discord.say("and backwards?", channel=asked)
        await office.answered(asked, times=2)
        await discord.say("good morning everybody", user=BOB)
        await discord.say("the build is green", user=OTHER_BOT)
        await office.press(office.thread(asked)[0], AGAIN)
        await office.settled()
        await discord.command("ask", {"question": QUESTION}, user=BOB)
        await office.settled()
        await discord.command("ask", {"question": QUESTION, "private": True}, user=BOB)
        await office.settled()
    page = Page(metrics.page("", None)[0].decode())
    events = page.counted("bot_events_total")
    assert events.pop(("discord", "ignored")) >= 2, "what we write is told to us, too"
    assert events == {("discord", "accepted"): 4, ("discord", "pressed"): 1}
    assert page.counted("bot_replies_total") == {("complete",): 5}
    assert page.value("bot_first_text_seconds_count") == 5
    told = page.counted("bot_platform_requests_total")
    assert not [labels for labels in told if "other" in labels]
    assert told["101", "gateway"] == 1
    assert told["200", "PUT /applications/{application_id}/commands"] == 1
    assert told["200", "POST /channels/{channel_id}/messages"] == len(discord.calls_of(SEND))
    called = sum(value for (_, method), value in told.items() if method != "gateway")
    assert called == len(discord.calls)


async def test_a_conversation_full_of_names_and_secrets_leaves_none_in_logs_or_metrics(
    office: Office, discord: DiscordServer, tmp_path: Path
) -> None:
    """Texts, files' names, names of threads, places and people's ids; though the model answers with the question in its
    error, and Discord limits, fails and brings events that nobody can read."""
    words = ["treasure", "swordfish", "hideout", "blackbeard", "alice"]
    office.model.next_behaviours.extend(
        [
            Behaviour(error_after=3, error={"error": "cannot parse 'treasure map'", "error_type": "generation"}),
            Behaviour(text="my answer is swordfish"),
            Behaviour(garbage_after=2, garbage=b"data: {treasure swordfish}"),
            Behaviour(text="my answer is swordfish", token_delay=0.02),
        ]
    )
    async with program(office, tmp_path, log_level="DEBUG") as running:
        await until("the commands are registered", lambda: bool(discord.commands))
        discord.lose_reply(SEND)
        discord.fail(EDIT, 503)
        asked = await discord.mention(
            "where is the treasure?", attachments=[("hideout.py", b"def blackbeard(): pass\n")]
        )
        await office.answered(asked)
        await discord.dm("treasure for me alone", user=BOB)
        await discord.command("ask", {"question": "secret treasure", "private": True})
        await discord.open_forum_post("the treasure", "where is the treasure of the post?")
        discord.break_event()
        discord.cut()
        await until("it is back", lambda: len(discord.resumes) == 1)
        await office.settled()
        await discord.edit(asked, "where is the other treasure?")
        await discord.delete(asked)
        await office.settled()
        page = await scrape(running.metrics_url)
        assert await running.terminated() == 0
        await until("the log is read", running.reading.done)
    log = "".join(running.log)
    assert "stream cut" in log
    assert len(answer_lines(running.log)) >= 4
    tokens = [interaction.token for interaction in discord.interactions]
    assert tokens
    for text in (log, page.text):
        assert [word for word in [*words, *IDS, *tokens, discord.bot_token] if word.lower() in text.lower()] == []
