"""The local Slack does what the tests of the Slack adapter rely on."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.servers.slack import (
    ALICE,
    BOB,
    BOT_USER,
    ELSEWHERE,
    GENERAL,
    PRIVATE,
    RANDOM,
    STRANGER,
    SlackServer,
    dm_of,
    sign,
)
from tests.servers.slack.limits import Limits
from tests.servers.slack.transports import OverHttp
from tests.waiting import until

BUTTONS: list[dict[str, Any]] = [
    {"type": "markdown", "text": "**yes**"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "small print"}]},
    {
        "type": "actions",
        "elements": [
            {"type": "button", "action_id": "more", "value": "7", "text": {"type": "plain_text", "text": "More"}}
        ],
    },
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "rate",
                "positive_button": {"value": "good", "text": {"type": "plain_text", "text": "Good"}},
                "negative_button": {"value": "bad", "text": {"type": "plain_text", "text": "Bad"}},
            }
        ],
    },
]
TO_ALICE: dict[str, Any] = {"recipient_user_id": ALICE, "recipient_team_id": "T0TEAM0001"}


def client_of(slack: SlackServer, token: str | None = None) -> AsyncWebClient:
    return AsyncWebClient(token or slack.bot_token, base_url=slack.api_url, timeout=5)


async def error_of(call: Any) -> str:
    """The error code of a call that must be refused."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


class Listener:
    """A bot's end of a socket: keeps what comes, and acknowledges it unless told not to."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.acks = True
        self.reply: dict[str, Any] | None = None
        self.got: list[dict[str, Any]] = []
        self.pongs = 0

    def events(self, type_: str) -> list[dict[str, Any]]:
        events = [one["payload"]["event"] for one in self.got if one["type"] == "events_api"]
        return [event for event in events if event["type"] == type_]

    async def listen(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.PONG:
                self.pongs += 1
                continue
            told = json.loads(message.data)
            self.got.append(told)
            if self.acks and "envelope_id" in told:
                reply = {"payload": self.reply} if self.reply else {}
                await self.socket.send_json({"envelope_id": told["envelope_id"], **reply})


@asynccontextmanager
async def listening(slack: SlackServer) -> AsyncIterator[Listener]:
    opened = await client_of(slack).apps_connections_open(app_token=slack.app_token)
    async with aiohttp.ClientSession() as session, session.ws_connect(opened["url"], autoping=False) as socket:
        listener = Listener(socket)
        task = asyncio.create_task(listener.listen())
        await until("hello", lambda: bool(listener.got))
        assert listener.got[0]["type"] == "hello"
        yield listener
        task.cancel()


async def test_a_question_arrives_as_mention_and_as_message_escaped() -> None:
    """A mention in a channel comes twice, with one ts, and its text is escaped."""
    async with SlackServer() as slack, listening(slack) as bot:
        ts = await slack.mention("is a < b && b > c? see https://x.test/a_b.", user=BOB)
        await until("both events", lambda: len(bot.got) == 3)
        mention, message = bot.events("app_mention")[0], bot.events("message")[0]
        assert mention["ts"] == message["ts"] == ts
        assert mention["text"] == f"<@{BOT_USER}> is a &lt; b &amp;&amp; b &gt; c? see <https://x.test/a_b>."
        assert message["channel_type"] == "channel"
        assert message["user"] == BOB
        await until("acknowledged", lambda: not slack.unacked)
        assert len({delivery.id for delivery in slack.events}) == 2


async def test_direct_messages_come_once_and_other_channels_not_at_all() -> None:
    """In a DM there is no app_mention; where the bot is not, it hears nothing."""
    async with SlackServer() as slack, listening(slack) as bot:
        await slack.say("unheard", channel=ELSEWHERE)
        await slack.dm(f"<@{BOT_USER}> hello", user=BOB)
        await until("the message", lambda: bool(bot.events("message")))
        await slack.leave(RANDOM)
        await slack.mention("unheard", channel=RANDOM)
        await slack.say("external", external=True)
        await until("the stranger's", lambda: len(bot.events("message")) == 2)
        direct, external = bot.events("message")
        assert (direct["channel"], direct["channel_type"]) == (dm_of(BOB), "im")
        assert (external["user"], external["user_team"]) == (STRANGER, "T0OTHER001")
        assert not bot.events("app_mention")


async def test_edits_and_deletions_carry_what_was_before() -> None:
    """message_changed and message_deleted name the previous message; a root with replies becomes a tombstone."""
    async with SlackServer(own_events=False) as slack, listening(slack) as bot:
        lone, root = await slack.say("one"), await slack.say("two")
        await client_of(slack).chat_postMessage(channel=GENERAL, thread_ts=root, text="answer")
        await slack.edit(lone, "uno")
        await slack.delete(lone)
        await slack.delete(root)
        await until("all events", lambda: len(bot.events("message")) == 5)
        changed, deleted, entombed = bot.events("message")[2:]
        assert (changed["message"]["text"], changed["previous_message"]["text"]) == ("uno", "one")
        assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", lone)
        assert deleted["previous_message"]["text"] == "uno"
        assert (entombed["subtype"], entombed["message"]["subtype"]) == ("message_changed", "tombstone")
        assert entombed["previous_message"]["text"] == "two"


async def test_a_link_that_is_shown_changes_the_message_but_not_its_text() -> None:
    """Slack tells it as message_changed, like an edit, but the message is not `edited`."""
    async with SlackServer() as slack, listening(slack) as bot:
        ts = await slack.say("see https://x.test/page")
        await slack.unfurl(ts, "https://x.test/page")
        await until("both events", lambda: len(bot.events("message")) == 2)
        changed = bot.events("message")[1]
        assert changed["message"]["text"] == changed["previous_message"]["text"]
        assert "edited" not in changed["message"]
        assert changed["message"]["attachments"]


async def test_an_event_that_is_not_acknowledged_comes_again() -> None:
    """Redelivery has the same event id, a retry number and a reason; afterwards it is unacked for good."""
    async with SlackServer(ack_seconds=0.1, retry_delays=(0, 0.05)) as slack, listening(slack) as bot:
        bot.acks = False
        await slack.say("hello")
        await until("given up", lambda: any(delivery.given_up for delivery in slack.unacked))
        tries = bot.got[1:]
        assert [(one["retry_attempt"], one["retry_reason"]) for one in tries] == [
            (0, ""),
            (1, "timeout"),
            (2, "timeout"),
        ]
        assert len({one["payload"]["event_id"] for one in tries}) == 1
        bot.acks, slack.deliveries.ack_seconds = True, 10
        await slack.redeliver(slack.events[0].id)
        await until("acknowledged at last", lambda: not slack.unacked)


async def test_messages_are_posted_edited_and_deleted() -> None:
    """What is shown comes from the blocks, a text alone takes them away, and every state is kept."""
    async with SlackServer() as slack:
        bot = client_of(slack)
        root = await slack.mention("hello")
        posted = await bot.chat_postMessage(channel=GENERAL, thread_ts=root, text="fallback", blocks=BUTTONS)
        (message,) = slack.thread(GENERAL, root)
        assert (message.shown, message.body, message.notice) == ("**yes**\nsmall print", "**yes**", "small print")
        assert [button.action_id for button in message.buttons] == ["more", "rate", "rate"]
        await bot.chat_update(channel=GENERAL, ts=posted["ts"], text="plain")
        assert (message.shown, message.edited, message.blocks) == ("plain", True, [])
        assert [state.text for state in message.history] == ["**yes**\nsmall print", "plain"]
        await bot.chat_delete(channel=GENERAL, ts=posted["ts"])
        assert slack.thread(GENERAL, root) == []
        assert [call.method for call in slack.calls] == ["chat.postMessage", "chat.update", "chat.delete"]


async def test_calls_are_refused_with_slacks_codes() -> None:
    """Wrong tokens, channels, sizes and owners have the codes that the documentation gives them."""
    async with SlackServer() as slack:
        bot = client_of(slack)
        theirs = await slack.say("mine")
        own = (await bot.chat_postMessage(channel=GENERAL, text="x"))["ts"]
        await slack.archive(RANDOM)
        await slack.leave(PRIVATE)
        long_section = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
        long_markdown = [{"type": "markdown", "text": "x" * 7000}] * 2
        post, update = bot.chat_postMessage, bot.chat_update
        wanted = {
            "invalid_auth": client_of(slack, "xoxb-wrong").auth_test(),
            "not_allowed_token_type": client_of(slack, slack.app_token).auth_test(),
            "not_in_channel": post(channel=ELSEWHERE, text="x"),
            "is_archived": post(channel=RANDOM, text="x"),
            "channel_not_found": post(channel=PRIVATE, text="x"),
            "no_text": bot.api_call("chat.postMessage", json={"channel": GENERAL}),
            "invalid_blocks": post(channel=GENERAL, text="x", blocks=long_section),
            "msg_blocks_too_long": post(channel=GENERAL, text="x", blocks=long_markdown),
            "invalid_thread_ts": post(channel=GENERAL, text="x", thread_ts="soon"),
            "msg_too_long": update(channel=GENERAL, ts=own, text="x" * 4001),
            "cant_update_message": update(channel=GENERAL, ts=theirs, text="x"),
            "message_not_found": update(channel=GENERAL, ts="1.000000", text="x"),
            "thread_not_found": bot.conversations_replies(channel=GENERAL, ts="1.000000"),
            "user_not_found": bot.users_info(user="U0NOBODY"),
            "unknown_method": bot.api_call("chat.shout"),
        }
        assert {code: await error_of(call) for code, call in wanted.items()} == {code: code for code in wanted}
        await slack.archive(GENERAL)
        assert await error_of(update(channel=GENERAL, ts=own, text="x")) == "is_inactive"
        slack.home.channels[GENERAL].is_archived = False
        divided = [{"type": "divider"}] * 51
        assert await error_of(post(channel=GENERAL, text="x", blocks=divided)) == "invalid_blocks"
        assert await error_of(post(channel=GENERAL, markdown_text="x" * 12_001)) == "msg_too_long"
        assert await error_of(post(channel=GENERAL, text="x", blocks=[{"type": "poem"}])) == "invalid_blocks"


async def test_a_reply_to_a_root_that_is_gone_falls_out_of_its_thread() -> None:
    """Slack posts it at the top level, and only the missing thread_ts in its answer tells."""
    async with SlackServer() as slack:
        root = await slack.say("soon gone")
        await slack.delete(root)
        posted = await client_of(slack).chat_postMessage(channel=GENERAL, thread_ts=root, text="answer")
        assert "thread_ts" not in posted["message"]


async def test_metadata_finds_a_message_again() -> None:
    """Only include_all_metadata shows it; chat.update keeps what it does not name."""
    async with SlackServer() as slack:
        bot = client_of(slack)
        root = await slack.say("q")
        mark = {"event_type": "corral", "event_payload": {"key": "k1"}}
        posted = await bot.chat_postMessage(channel=GENERAL, thread_ts=root, text="a", metadata=mark)
        await bot.chat_update(channel=GENERAL, ts=posted["ts"], text="b")
        plain = await bot.conversations_replies(channel=GENERAL, ts=root)
        full = await bot.conversations_replies(channel=GENERAL, ts=root, include_all_metadata=True)
        assert "metadata" not in plain["messages"][1]
        assert full["messages"][1]["metadata"] == mark


async def test_threads_and_channels_are_read_page_by_page() -> None:
    """A cursor leads to the next page; a thread is oldest first, a channel newest first and without replies."""
    async with SlackServer() as slack:
        bot = client_of(slack)
        root = await slack.say("root")
        told = [await slack.say(f"reply {number}", thread_ts=root) for number in range(4)]
        top = await slack.say("top")
        first = await bot.conversations_replies(channel=GENERAL, ts=root, limit=3)
        cursor = first["response_metadata"]["next_cursor"]
        rest = await bot.conversations_replies(channel=GENERAL, ts=root, limit=3, cursor=cursor)
        assert [one["ts"] for one in [*first["messages"], *rest["messages"]]] == [root, *told]
        assert (first["has_more"], rest["has_more"]) == (True, False)
        newest = await bot.conversations_history(channel=GENERAL)
        assert [one["ts"] for one in newest["messages"]] == [top, root]
        later = await bot.conversations_replies(channel=GENERAL, ts=root, oldest=told[1])
        assert [one["ts"] for one in later["messages"]] == [root, *told[2:]]


async def test_a_stream_grows_and_is_ended_with_blocks_and_metadata() -> None:
    """While it streams it cannot be edited; afterwards it cannot grow."""
    async with SlackServer() as slack:
        bot = client_of(slack)
        root = await slack.mention("q")
        started = await bot.chat_startStream(channel=GENERAL, thread_ts=root, markdown_text="Hel", **TO_ALICE)
        at: dict[str, Any] = {"channel": GENERAL, "ts": started["ts"]}
        await bot.chat_appendStream(**at, markdown_text="lo")
        (message,) = slack.thread(GENERAL, root)
        assert (message.shown, message.streaming) == ("Hello", True)
        assert await error_of(bot.chat_update(**at, text="x")) == "streaming_state_conflict"
        replies = await bot.conversations_replies(channel=GENERAL, ts=root)
        assert replies["messages"][1]["streaming_state"] == "in_progress"
        mark = {"event_type": "corral", "event_payload": {"key": "k1"}}
        await bot.chat_stopStream(**at, markdown_text="!", blocks=BUTTONS[1:], metadata=mark)
        assert (message.body, message.notice, message.streaming) == ("Hello!", "small print", False)
        assert message.metadata == mark
        assert await error_of(bot.chat_appendStream(**at, markdown_text="x")) == "message_not_in_streaming_state"
        await bot.chat_update(**at, text="yes", blocks=BUTTONS)
        assert message.body == "**yes**"


async def test_streams_refuse_what_slack_refuses() -> None:
    """Recipients are needed in channels, a thread everywhere, and there is no metadata at the start."""
    async with SlackServer(stream_bytes=20) as slack:
        bot = client_of(slack)
        root, direct = await slack.mention("q"), await slack.dm("q")
        start: dict[str, Any] = {"channel": GENERAL, "thread_ts": root, **TO_ALICE}

        async def error(**changed: Any) -> str:
            args = {name: value for name, value in {**start, **changed}.items() if value is not None}
            return await error_of(bot.api_call("chat.startStream", json=args))

        assert await error(recipient_team_id=None) == "missing_recipient_team_id"
        assert await error(recipient_user_id=None) == "missing_recipient_user_id"
        assert await error(thread_ts=None) == "invalid_thread_ts"
        assert await error(metadata={"event_type": "x", "event_payload": {}}) == "invalid_arguments"
        started = await bot.chat_startStream(channel=dm_of(ALICE), thread_ts=direct, markdown_text="x" * 15)
        at: dict[str, Any] = {"channel": dm_of(ALICE), "ts": started["ts"]}
        assert await error_of(bot.chat_appendStream(**at, markdown_text="ü" * 3)) == "msg_too_long"
        slack.home.stream_seconds = 0
        started = await bot.chat_startStream(channel=dm_of(ALICE), thread_ts=direct, markdown_text="x")
        at = {"channel": dm_of(ALICE), "ts": started["ts"]}
        assert await error_of(bot.chat_appendStream(**at, markdown_text="x")) == "message_not_in_streaming_state"
        await bot.chat_update(**at, text="whole")
        assert slack.message(started["ts"]).shown == "whole"


async def test_the_stop_button_ends_the_streams_of_a_thread() -> None:
    """The event names them, and the next append says who did it."""
    async with SlackServer() as slack, listening(slack) as listener:
        bot = client_of(slack)
        root = await slack.mention("q")
        started = await bot.chat_startStream(channel=GENERAL, thread_ts=root, markdown_text="x", **TO_ALICE)
        await slack.stop_button(root)
        await until("the event", lambda: bool(listener.events("agent_session_stopped")))
        assert listener.events("agent_session_stopped")[0]["streaming_message_ts"] == [started["ts"]]
        append = bot.chat_appendStream(channel=GENERAL, ts=started["ts"], markdown_text="y")
        assert await error_of(append) == "stopped_by_user"
        again = await bot.chat_startStream(channel=GENERAL, thread_ts=root, markdown_text="x", **TO_ALICE)
        await slack.stop_button(root, ends_stream=False)
        await bot.chat_stopStream(channel=GENERAL, ts=again["ts"], markdown_text="y")
        assert slack.thread(GENERAL, root)[1].shown == "xy"


async def test_buttons_are_pressed_where_they_are_shown() -> None:
    """A press carries the button's value, the message and a response_url; feedback has two sides."""
    async with SlackServer() as slack, listening(slack) as listener:
        bot = client_of(slack)
        posted = await bot.chat_postMessage(channel=GENERAL, text="x", blocks=BUTTONS)
        assert (await slack.press(posted["ts"], "more", user=BOB)).acked is not None
        await slack.press(posted["ts"], "rate", value="bad")
        more, rate = (one["payload"] for one in listener.got if one["type"] == "interactive")
        assert (more["actions"][0]["value"], more["user"]["id"], more["message"]["ts"]) == ("7", BOB, posted["ts"])
        assert (rate["actions"][0]["type"], rate["actions"][0]["value"]) == ("feedback_buttons", "bad")
        private = await bot.chat_postEphemeral(channel=GENERAL, user=ALICE, text="x", blocks=BUTTONS)
        await slack.press(private["message_ts"], "more")
        pressed = [one["payload"] for one in listener.got if one["type"] == "interactive"][-1]
        assert pressed["container"]["is_ephemeral"] is True
        async with aiohttp.ClientSession() as web_client:
            await web_client.post(pressed["response_url"], json={"delete_original": True})
        assert slack.ephemerals == []
        with pytest.raises(AssertionError, match="no button"):
            await slack.press(posted["ts"], "less")


async def test_commands_and_shortcuts_are_answered_through_their_address() -> None:
    """A response_url works five times, and what comes with the acknowledgement is shown as well."""
    async with SlackServer() as slack, listening(slack) as listener:
        listener.reply = {"text": "one moment"}
        await slack.command("/code", "a <b>", user=BOB)
        listener.reply = None
        asked = listener.got[-1]["payload"]
        assert (asked["command"], asked["text"], asked["user_id"]) == ("/code", "a &lt;b&gt;", BOB)
        async with aiohttp.ClientSession() as web_client:
            uses = [(await web_client.post(asked["response_url"], json={"text": "done"})).status for _ in range(6)]
        assert uses == [200] * 5 + [404]
        assert [message.shown for message in slack.ephemerals] == ["one moment", *["done"] * 5]
        assert {message.ephemeral_for for message in slack.ephemerals} == {BOB}
        ts = await slack.say("look at this")
        await slack.shortcut("explain", message_ts=ts)
        (used,) = (one["payload"] for one in listener.got if one["type"] == "interactive")
        assert (used["type"], used["callback_id"], used["message"]["ts"]) == ("message_action", "explain", ts)
        await slack.open_home()
        await until("the page", lambda: bool(listener.events("app_home_opened")))
        assert listener.events("app_home_opened")[0]["tab"] == "messages"


def modal(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A view with these inputs."""
    label = {"type": "plain_text", "text": "Label"}
    blocks = [
        {"type": "input", "block_id": one["action_id"], "label": label, "element": one, "optional": True}
        for one in fields
    ]
    plain = {name: {"type": "plain_text", "text": name} for name in ("title", "submit", "close")}
    return {"type": "modal", "callback_id": "form", "blocks": blocks, **plain, **more}


TEXT = {"type": "plain_text_input", "action_id": "text", "initial_value": "x"}
LISTED = {"type": "external_select", "action_id": "listed", "min_query_length": 0}
FILES = {"type": "file_input", "action_id": "files"}
OPTION = {"text": {"type": "plain_text", "text": "Go"}, "value": "go"}


async def test_a_modal_is_opened_once_within_three_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the trigger of an interaction."""
    async with SlackServer() as slack, listening(slack) as listener:
        bot = client_of(slack)
        await slack.command("/code", user=BOB)
        trigger = listener.got[-1]["payload"]["trigger_id"]
        opened = await bot.views_open(trigger_id=trigger, view=modal(TEXT))
        assert (slack.modal(BOB).id, slack.modal(BOB).entered) == (opened["view"]["id"], {"text": "x"})
        assert await error_of(bot.views_open(trigger_id=trigger, view=modal(TEXT))) == "exchanged_trigger_id"
        assert await error_of(bot.views_open(trigger_id="1.2.3", view=modal(TEXT))) == "invalid_trigger_id"
        await slack.command("/code")
        monkeypatch.setattr("tests.servers.slack.views.TRIGGER_SECONDS", 0.0)
        late = listener.got[-1]["payload"]["trigger_id"]
        assert await error_of(bot.views_open(trigger_id=late, view=modal(TEXT))) == "expired_trigger_id"


@pytest.mark.parametrize(
    "view",
    [
        modal(TEXT | {"max_length": 3001}),
        modal(TEXT | {"initial_value": "x" * 3001}),
        modal(TEXT, TEXT),
        modal(TEXT, title={"type": "plain_text", "text": "x" * 25}),
        modal(TEXT, private_metadata="x" * 3001),
        modal({"type": "static_select", "action_id": "a", "options": [OPTION] * 101}),
        modal({"type": "checkboxes", "action_id": "a", "options": [OPTION], "initial_options": []}),
        modal({"type": "markdown", "action_id": "a"}),
        modal() | {"blocks": [{"type": "markdown", "text": "x"}]},
        {name: value for name, value in modal(TEXT).items() if name != "submit"},
        modal(FILES | {"max_files": 11}),
    ],
)
async def test_a_modal_that_slack_would_refuse_is_refused(view: dict[str, Any]) -> None:
    """And its trigger can still be used."""
    async with SlackServer() as slack, listening(slack) as listener:
        await slack.command("/code")
        trigger = listener.got[-1]["payload"]["trigger_id"]
        bot = client_of(slack)
        assert await error_of(bot.views_open(trigger_id=trigger, view=view)) == "invalid_arguments"
        await bot.views_open(trigger_id=trigger, view=modal(FILES))


async def test_files_in_a_modal_need_their_scope() -> None:
    """Its page says so."""
    async with SlackServer(scopes={"commands", "chat:write"}) as slack, listening(slack) as listener:
        await slack.command("/code")
        opening = client_of(slack).views_open(trigger_id=listener.got[-1]["payload"]["trigger_id"], view=modal(FILES))
        assert await error_of(opening) == "invalid_arguments"


async def test_what_is_entered_in_a_modal_is_sent_in() -> None:
    """With what was left as it was; the reply keeps it open, changes or closes it."""
    async with SlackServer() as slack, listening(slack) as listener:
        await slack.command("/code")
        view = modal(TEXT, LISTED, FILES, private_metadata="kept")
        await client_of(slack).views_open(trigger_id=listener.got[-1]["payload"]["trigger_id"], view=view)
        listener.reply = {"options": [OPTION]}
        assert await slack.suggest("listed", "g") == [OPTION]
        asked = listener.got[-1]["payload"]
        assert (asked["type"], asked["block_id"], asked["value"]) == ("block_suggestion", "listed", "g")
        shown = slack.modal()
        listener.reply = {"response_action": "errors", "errors": {"text": "Too short."}}
        await slack.submit(text="y", files=[slack.add_file("a.py", "x")])
        assert (shown.is_open, shown.errors) == (True, {"text": "Too short."})
        sent = listener.got[-1]["payload"]["view"]
        values = sent["state"]["values"]
        assert sent["private_metadata"] == "kept"
        assert values["text"]["text"] == {"type": "plain_text_input", "value": "y"}
        assert values["listed"]["listed"] == {"type": "external_select", "selected_option": None}
        assert values["files"]["files"]["files"][0]["name"] == "a.py"
        listener.reply = {"response_action": "errors", "errors": {"other": "?"}}
        with pytest.raises(AssertionError, match="other"):
            await slack.submit()
        listener.reply = None
        await slack.submit()
        assert not shown.is_open


async def test_the_status_titles_and_prompts_are_kept() -> None:
    """They are what a person sees while waiting."""
    async with SlackServer() as slack:
        bot = client_of(slack)
        root = await slack.dm("q")
        where: dict[str, Any] = {"channel_id": dm_of(ALICE), "thread_ts": root}
        await bot.assistant_threads_setStatus(**where, status="is thinking...")
        await bot.agents_sessions_setStatus(**where, status="processing")
        await bot.agents_sessions_rename(**where, title="A question")
        prompts = [{"title": "Explain", "message": "Explain this"}]
        await bot.assistant_threads_setSuggestedPrompts(**where, prompts=prompts)
        assert slack.statuses[root] == ["is thinking...", "processing"]
        assert slack.titles == {root: "A question"}
        assert slack.suggested_prompts[0]["prompts"] == prompts
        assert await error_of(bot.agents_sessions_setStatus(**where, status="busy")) == "invalid_status"


async def test_pings_are_found_wherever_they_were_shown() -> None:
    """Also in code, and also when a later edit took them away."""
    async with SlackServer() as slack:
        bot = client_of(slack)
        await bot.chat_postMessage(channel=GENERAL, text="a <b> &lt;!channel&gt; <!DOCTYPE html>")
        assert slack.pings == []
        posted = await bot.chat_postMessage(channel=GENERAL, markdown_text="`<!here>`")
        await bot.chat_update(channel=GENERAL, ts=posted["ts"], text="gone")
        assert [message.ts for message in slack.pings] == [posted["ts"]]


async def test_files_come_and_go() -> None:
    """What people upload can be fetched with the token only; what the bot uploads appears in the thread."""
    async with SlackServer() as slack, listening(slack) as listener:
        bot = client_of(slack)
        root = await slack.mention("what is this?", files=[("a.py", b"print(1)\n")])
        await until("the question", lambda: bool(listener.events("message")))
        (file,) = listener.events("message")[0]["files"]
        async with aiohttp.ClientSession() as web_client:
            login = await (await web_client.get(file["url_private"])).text()
            headers = {"Authorization": f"Bearer {slack.bot_token}"}
            data = await (await web_client.get(file["url_private"], headers=headers)).read()
        assert login.startswith("<!DOCTYPE html>")
        assert data == b"print(1)\n"
        await bot.files_upload_v2(channel=GENERAL, thread_ts=root, filename="out.txt", content="result")
        (message,) = slack.thread(GENERAL, root)
        assert slack.home.files[message.file_ids[0]].data == b"result"


async def test_sockets_are_refreshed_cut_and_frozen() -> None:
    """A refresh tells the client to come back, a cut tells nothing, and a frozen socket answers no ping."""
    async with SlackServer(ack_seconds=0.3, retry_delays=(0,) * 9) as slack:
        async with listening(slack) as first:
            await slack.disconnect(linger=0.01)
            await until("closed", lambda: first.socket.closed)
            assert first.got[-1] == {"type": "disconnect", "reason": "refresh_requested"}
        async with listening(slack) as second:
            slack.cut()
            await until("cut", lambda: second.socket.closed)
            assert [one["type"] for one in second.got] == ["hello"]
        async with listening(slack) as third:
            await third.socket.ping()
            await until("pong", lambda: third.pongs == 1)
            slack.freeze()
            await third.socket.ping()
            await slack.say("lost at first")
            async with listening(slack) as fourth:
                await until("it came over the new socket", lambda: bool(fourth.events("message")))
                assert (len(third.got), third.pongs) == (1, 1)


def test_posts_are_limited_by_channel_and_by_workspace() -> None:
    """One a second in a channel after the burst, 300 a minute in all; a refused call does not count."""
    limits = Limits(post_burst=2)

    def refusal(channel: str, now: float) -> int | None:
        return limits.refusal("chat.postMessage", channel, now)

    assert [refusal("C1", 0.0), refusal("C1", 0.0), refusal("C1", 0.5), refusal("C2", 0.5)] == [None, None, 1, None]
    assert [refusal("C1", 1.0), refusal("C1", 1.0)] == [None, 1]
    assert [refusal(f"D{number}", 2.0) for number in range(296)] == [None] * 296
    assert refusal("E1", 2.0) == 58
    assert refusal("E1", 60.0) is None


async def test_calls_beyond_a_limit_are_refused_with_retry_after() -> None:
    """The 21st stream in a minute gets 429; without limits there is no 21st."""
    async with SlackServer(limits=True) as slack:
        bot = client_of(slack)
        root = await slack.mention("q")
        for _ in range(20):
            await bot.chat_startStream(channel=GENERAL, thread_ts=root, **TO_ALICE)
        with pytest.raises(SlackApiError) as refused:
            await bot.chat_startStream(channel=GENERAL, thread_ts=root, **TO_ALICE)
        assert refused.value.response.status_code == 429
        assert refused.value.response["error"] == "ratelimited"
        assert 1 <= int(refused.value.response.headers["Retry-After"]) <= 60
        assert slack.rate_limited == 1
        slack.api.limits = None
        await bot.chat_startStream(channel=GENERAL, thread_ts=root, **TO_ALICE)


async def test_calls_fail_are_lost_hang_and_are_garbled() -> None:
    """A lost reply was carried out, a hanging call was not, and each fault is used up."""
    async with SlackServer() as slack:
        bot = client_of(slack)
        slack.fail("chat.postMessage", "ratelimited", status=429, retry_after=7)
        with pytest.raises(SlackApiError) as refused:
            await bot.chat_postMessage(channel=GENERAL, text="refused")
        assert refused.value.response.headers["Retry-After"] == "7"
        bot.retry_handlers.clear()  # slack_sdk would post a second time
        slack.lose_reply("chat.postMessage")
        with pytest.raises(aiohttp.ClientError):
            await bot.chat_postMessage(channel=GENERAL, text="lost")
        slack.break_body("chat.postMessage")
        with pytest.raises(SlackApiError) as broken:
            await bot.chat_postMessage(channel=GENERAL, text="garbled")
        assert broken.value.response.status_code == 502
        slack.hang("chat.postMessage")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bot.chat_postMessage(channel=GENERAL, text="hung"), 0.1)
        slack.hang("chat.postMessage")
        held = asyncio.create_task(bot.chat_postMessage(channel=GENERAL, text="held"))
        await until("the call hangs", lambda: len(slack.calls) == 5)
        slack.release()
        await held
        assert [message.text for message in slack.bot_messages(GENERAL)] == ["lost", "held"]


async def test_over_http_everything_is_signed() -> None:
    """Events are JSON, commands and presses are forms, and a failed event comes again with retry headers."""
    got: list[tuple[str, str]] = []
    statuses = [500]

    async def receive(request: web.Request) -> web.Response:
        body = await request.text()
        stamp = request.headers["X-Slack-Request-Timestamp"]
        assert request.headers["X-Slack-Signature"] == sign(body, stamp, SlackServer.signing_secret)
        if "challenge" in body:
            return web.json_response({"challenge": json.loads(body)["challenge"]})
        got.append((request.headers.get("X-Slack-Retry-Num", ""), body))
        return web.Response(status=statuses.pop() if statuses else 200)

    app = web.Application()
    app.router.add_post("/slack/events", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    async with SlackServer(events_url=url, own_events=False) as slack:
        assert isinstance(slack.deliveries.transport, OverHttp)
        assert await slack.deliveries.transport.verify()
        await slack.say("hello")
        await until("acknowledged", lambda: not slack.unacked)
        assert [retry for retry, _ in got] == ["", "1"]
        assert json.loads(got[0][1]) == json.loads(got[1][1])
        await slack.command("/code", "x")
        assert parse_qs(got[-1][1])["command"] == ["/code"]
        posted = await client_of(slack).chat_postMessage(channel=GENERAL, text="x", blocks=BUTTONS)
        await slack.press(posted["ts"], "more")
        assert json.loads(parse_qs(got[-1][1])["payload"][0])["actions"][0]["value"] == "7"
    await runner.cleanup()


async def test_it_runs_as_a_process() -> None:
    """Its first line is the address; people's acts and what happened go over /_ctl."""
    command = [sys.executable, "-m", "tests.servers.slack", "--port", "0", "--limits"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        async with aiohttp.ClientSession(url) as web_client:
            said = await web_client.post("/_ctl/mention", json={"text": "hello", "user": BOB})
            root = (await said.json())["result"]
            bot = AsyncWebClient(SlackServer.bot_token, base_url=f"{url}/api/")
            await bot.chat_postMessage(channel=GENERAL, thread_ts=root, text="hi")
            state = await (await web_client.get("/_ctl/state")).json()
            wrong = await web_client.post("/_ctl/stop", json={})
        assert [message["shown"] for message in state["messages"]] == ["hi"]
        assert state["calls"][0]["method"] == "chat.postMessage"
        assert state["rate_limited"] == 0
        assert wrong.status == 404
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0
