"""Payloads as Slack sends them, and what they are to us."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.languages import language_named
from adapters.slack import commands, forms
from adapters.slack.commands import HELP, NOT_KNOWN, NOT_READ, Opening, SettingsWanted
from adapters.slack.events import Deleted, Edited, HomeOpened, News, Stopped, files_in, people_in, translate
from adapters.slack.identity import Identity
from adapters.slack.interactions import Shortcut
from adapters.slack.manifest import SCOPES
from adapters.understanding import ASK_ABOUT_IT
from conversation.access import Person
from conversation.model import Action, Belonging, InboundMessage, Skill, ThreadId
from conversation.reception import Heard, Press
from storage.records import dump_message, load_message
from tests.servers.slack.view_rules import check_view

ME = Identity(team="T1", user="UBOT", bot="BBOT")
NAMES = {"U1": "Ada", "U2": "Bob"}
TS, ROOT = "1700000002.000200", "1700000001.000100"

Json = dict[str, Any]


def wrapped(event: Json, event_id: str = "Ev1") -> Json:
    """The Events API's envelope."""
    return {
        "token": "unused",
        "team_id": "T1",
        "api_app_id": "A1",
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": 1700000002,
        "authorizations": [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}],
    }


def said(text: str, **more: Any) -> Json:
    """A message event as a person's client makes it."""
    event = {
        "type": "message",
        "user": "U1",
        "ts": TS,
        "client_msg_id": "6c7a2f0e-0000-4000-8000-000000000000",
        "text": text,
        "team": "T1",
        "channel": "C1",
        "event_ts": TS,
        "channel_type": "channel",
        "blocks": [{"type": "rich_text", "elements": []}],
    }
    return {name: value for name, value in {**event, **more}.items() if value is not None}


def in_dm(text: str, **more: Any) -> Json:
    return said(text, **{"channel": "D1", "channel_type": "im", **more})


def changed(before: Json, after: Json, **more: Any) -> Json:
    event = {"type": "message", "subtype": "message_changed", "hidden": True, "channel": before["channel"]}
    times = {"ts": "1700000009.000900", "event_ts": "1700000009.000900", "channel_type": before["channel_type"]}
    return wrapped(event | times | {"message": after, "previous_message": before} | more)


def deleted(before: Json) -> Json:
    event = {"type": "message", "subtype": "message_deleted", "hidden": True, "channel": before["channel"]}
    times = {"ts": "1700000009.000900", "event_ts": "1700000009.000900", "deleted_ts": before["ts"]}
    return wrapped(event | times | {"channel_type": before["channel_type"], "previous_message": before})


def pressed(action_id: str, value: str, **more: Any) -> Json:
    return {
        "type": "block_actions",
        "team": {"id": "T1", "domain": "corral"},
        "user": {"id": "U1", "username": "ada", "name": "ada", "team_id": "T1"},
        "api_app_id": "A1",
        "container": {
            "type": "message",
            "message_ts": TS,
            "channel_id": "C1",
            "thread_ts": ROOT,
            "is_ephemeral": False,
        },
        "trigger_id": "1.2.abc",
        "channel": {"id": "C1", "name": "general"},
        "message": {"type": "message", "user": "UBOT", "ts": TS, "thread_ts": ROOT, "text": "..."},
        "response_url": "https://hooks.example/1",
        "actions": [{"type": "button", "action_id": action_id, "value": value, "action_ts": "1700000005.000001"}],
        **more,
    }


def asked_about(**message: Any) -> Json:
    return {
        "type": "message_action",
        "callback_id": "corral_ask",
        "action_ts": "1700000005.000001",
        "trigger_id": "1.2.abc",
        "team": {"id": "T1", "domain": "corral"},
        "user": {"id": "U1", "name": "ada", "team_id": "T1"},
        "channel": {"id": "C1", "name": "general"},
        "message_ts": TS,
        "message": {"type": "message", "user": "U2", "ts": TS, "text": "Why is this slow?", **message},
    }


def commanded(command: str, text: str, **more: Any) -> Json:
    where = {"team_id": "T1", "channel_id": "C1", "channel_name": "general", "user_id": "U1", "user_name": "ada"}
    return {"command": command, "text": text, **where, "trigger_id": "1.2.abc", "api_app_id": "A1", **more}


def heard(payload: Json) -> Heard:
    news = translate(payload, ME, NAMES)
    assert isinstance(news, Heard), news
    return news


def edited(payload: Json) -> Edited:
    news = translate(payload, ME, NAMES)
    assert isinstance(news, Edited), news
    return news


class TestMessages:
    def test_a_mention_in_a_channel_is_answered_under_it(self) -> None:
        """Everything that storing and answering take is told."""
        assert heard(wrapped(said("<@UBOT> why &lt;b&gt;?", user_team="T1"), "Ev7")) == Heard(
            InboundMessage(
                address=ThreadId("slack", "T1", "C1", TS),
                message_id=TS,
                author_id="U1",
                author_name="Ada",
                text="why <b>?",
                sent_at=1700000002.0002,
                dedupe_keys=("slack:event:Ev7",),
                reply_to={"thread_ts": TS, "user": "U1", "team": "T1"},
                belonging=Belonging.UNKNOWN,
            ),
            mentioned=True,
        )
        assert heard(wrapped(said("<@UBOT> hi"))).message.key == f"slack:T1:C1:{TS}"

    def test_the_twins_of_a_mention_are_one_message(self) -> None:
        """app_mention comes without channel_type and with an event id of its own."""
        one = said("<@UBOT> hello <@U2>", thread_ts=ROOT)
        other = said("<@UBOT> hello <@U2>", thread_ts=ROOT, type="app_mention", channel_type=None)
        twins = heard(wrapped(one, "Ev1")), heard(wrapped(other, "Ev2"))
        assert twins[0].message.key == twins[1].message.key
        assert {twin.message.dedupe_keys for twin in twins} == {("slack:event:Ev1",), ("slack:event:Ev2",)}
        assert replace(twins[0], message=replace(twins[0].message, dedupe_keys=("slack:event:Ev2",))) == twins[1]
        assert twins[1].message.text == "hello @Bob"

    @pytest.mark.parametrize(
        ("event", "mentioned", "direct"),
        [
            (said("<@UBOT> q"), True, False),
            (said("so <@UBOT|corral> what now?"), True, False),
            (said("and then?", thread_ts=ROOT), False, False),
            (said("and then?", thread_ts=ROOT, subtype="thread_broadcast"), False, False),
            (said("shrugs", thread_ts=ROOT, subtype="me_message"), False, False),
            (said("look", thread_ts=ROOT, subtype="file_share", files=[{"id": "F1"}]), False, False),
            (in_dm("q"), False, True),
            (in_dm("", subtype="file_share", files=[{"id": "F1"}]), False, True),
            (in_dm("q", thread_ts=ROOT), False, True),
            (said("<@UBOT> q", channel="G1", channel_type="mpim"), True, False),
            (said("<@UBOT> q", channel="C2", channel_type="group"), True, False),
        ],
    )
    def test_what_is_heard(self, event: Json, mentioned: bool, direct: bool) -> None:
        """Mentions anywhere, all of threads, all of direct messages."""
        news = heard(wrapped(event))
        assert (news.mentioned, news.direct) == (mentioned, direct)

    @pytest.mark.parametrize(
        "event",
        [
            said("people talk"),
            said("`<@UBOT>` in code"),
            said("q", channel="G1", channel_type="mpim"),
            said("<@UBOT> q", bot_id="B2"),
            said("<@UBOT> q", subtype="bot_message", bot_id="B2", user=None),
            said("<@UBOT> q", user="UBOT", bot_id="BBOT"),
            said("my own", user="UBOT", thread_ts=ROOT),
            said("q", user="USLACKBOT", channel="D1", channel_type="im"),
            said("<@UBOT> has joined", subtype="channel_join"),
            said("topic: <@UBOT>", subtype="channel_topic"),
            said("", thread_ts=ROOT, subtype="file_share"),
            said("x", subtype="message_replied", hidden=True, thread_ts=ROOT),
            {"type": "reaction_added", "user": "U1", "item": {"channel": "C1", "ts": TS}},
            {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home"},
            {"type": "agent_session_stopped", "channel": "C1", "user": "U1", "event_ts": TS},
        ],
    )
    def test_what_does_not_concern_us(self, event: Json) -> None:
        """Chatter, bots, our own words, notices of Slack's."""
        assert translate(wrapped(event), ME, NAMES) is None

    def test_a_follow_up_belongs_to_its_thread(self) -> None:
        """In channels and in direct messages the thread's first message names it."""
        assert heard(wrapped(said("more", thread_ts=ROOT))).message.address.thread == ROOT
        direct = heard(wrapped(in_dm("more", thread_ts=ROOT))).message
        assert direct.address == ThreadId("slack", "T1", "D1", ROOT)
        assert direct.reply_to == {"thread_ts": ROOT, "user": "U1", "team": "T1", "dm": "1"}
        assert heard(wrapped(in_dm("first"))).message.address.thread == TS

    @pytest.mark.parametrize(
        ("text", "elsewhere"),
        [("<@U2> look", True), ("  <@U2|bob>: look", True), ("look, <@U2>", False), ("<@UBOT> <@U2>", False)],
    )
    def test_a_message_to_somebody_else_is_marked(self, text: str, elsewhere: bool) -> None:
        """Only what it begins with says whom it is for."""
        assert heard(wrapped(said(text, thread_ts=ROOT))).elsewhere is elsewhere

    @pytest.mark.parametrize(
        ("teams", "belonging", "home"),
        [
            ({}, Belonging.UNKNOWN, ""),
            ({"user_team": "T1", "source_team": "T1"}, Belonging.UNKNOWN, ""),
            ({"user_team": "T2", "source_team": "T2"}, Belonging.EXTERNAL, "T2"),
            ({"source_team": "T2"}, Belonging.EXTERNAL, "T2"),
        ],
    )
    def test_people_of_other_workspaces_are_marked(self, teams: Json, belonging: Belonging, home: str) -> None:
        """The author's workspace is named; that one of ours is a guest is not."""
        message = heard(wrapped(said("<@UBOT> q", **teams))).message
        assert (message.belonging, message.home) == (belonging, home)

    @pytest.mark.parametrize(("team", "home"), [("E1", ""), ("T2", "T2")])
    def test_people_of_the_same_organisation_are_no_strangers(self, team: str, home: str) -> None:
        """On Enterprise Grid a message may name the organisation, or another of its workspaces."""
        me = Identity(team="T1", user="UBOT", bot="BBOT", enterprise="E1")
        news = translate(wrapped(said("<@UBOT> q", user_team=team)), me, {})
        assert isinstance(news, Heard)
        assert (news.author.belonging, news.author.home) == (Belonging.UNKNOWN, home)

    @pytest.mark.parametrize(
        ("event", "above"),
        [
            (said("<@UBOT> q"), ()),
            (said("<@UBOT>"), ("channel",)),
            (said("<@UBOT> "), ("channel",)),
            (said("<@UBOT> why?", thread_ts=ROOT), (f"thread:{ROOT}",)),
            (said("<@UBOT>", thread_ts=ROOT), (f"thread:{ROOT}",)),
            (said("and?", thread_ts=ROOT), ()),
            (in_dm("<@UBOT>"), ()),
            (
                said("<@UBOT> see <https://acme.slack.com/archives/C9/p1700000000000001>"),
                ("link:C9:1700000000.000001",),
            ),
            (
                said(
                    "<@UBOT> <https://acme.slack.com/archives/C9/p1700000000000002"
                    "?thread_ts=1700000000.000001&amp;cid=C9|this>",
                    thread_ts=ROOT,
                ),
                (f"thread:{ROOT}", "link:C9:1700000000.000002:1700000000.000001"),
            ),
        ],
    )
    def test_what_stands_above_is_named(self, event: Json, above: tuple[str, ...]) -> None:
        """The thread of a mention in its middle, the channel above a bare one, and linked messages."""
        assert heard(wrapped(event)).message.above == above

    def test_few_links_are_followed(self) -> None:
        """A page of links costs no more than five look-ups."""
        links = " ".join(f"<https://acme.slack.com/archives/C9/p17000000000000{n:02}>" for n in range(20))
        assert len(heard(wrapped(said(f"<@UBOT> {links}"))).message.above) == 5

    def test_people_without_a_known_name_keep_their_id(self) -> None:
        """The author and the mentioned."""
        news = translate(wrapped(said("<@UBOT> ask <@U9>", user="U8")), ME, {})
        assert isinstance(news, Heard)
        assert (news.message.author_name, news.message.text) == ("U8", "ask @U9")


class TestChanges:
    def test_a_changed_question_is_told_with_a_name_for_the_change(self) -> None:
        """The message keeps its own id."""
        before = said("<@UBOT> old")
        news = edited(changed(before, said("<@UBOT> new", edited={"user": "U1", "ts": "1700000009.000000"})))
        assert news.edit_id == f"{TS}/edited/1700000009.000000"
        assert (news.heard.message.message_id, news.heard.message.text) == (TS, "new")
        assert news.heard.mentioned

    def test_a_mention_that_is_taken_away_is_still_a_change(self) -> None:
        """What we answered says something else now."""
        news = edited(changed(said("<@UBOT> old"), said("new", edited={"user": "U1", "ts": TS})))
        assert not news.heard.mentioned
        assert news.heard.message.text == "new"

    def test_a_mention_that_is_added_is_told(self) -> None:
        """Whoever forgot it adds it."""
        news = edited(changed(said("q"), said("<@UBOT> q", edited={"user": "U1", "ts": TS})))
        assert news.heard.mentioned

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (said("<@UBOT> <https://x.y>"), said("<@UBOT> <https://x.y>", attachments=[{"title": "X"}])),
            (
                said("<@UBOT> q", edited={"user": "U1", "ts": TS}),
                said("<@UBOT> q", edited={"user": "U1", "ts": TS}, reply_count=1, thread_ts=TS),
            ),
            (
                said("a", bot_id="BBOT", user="UBOT", thread_ts=ROOT),
                said("b", bot_id="BBOT", user="UBOT", thread_ts=ROOT, edited={"user": "UBOT", "ts": TS}),
            ),
        ],
        ids=["preview", "counted replies", "our own"],
    )
    def test_other_changes_are_none(self, before: Json, after: Json) -> None:
        """Only a person's new words count."""
        assert translate(changed(before, after), ME, NAMES) is None

    @pytest.mark.parametrize(
        ("before", "thread"),
        [
            (said("<@UBOT> q"), TS),
            (said("more", thread_ts=ROOT), ROOT),
            (said("chat"), TS),
            (said("built", user="U7", bot_id="B7"), TS),
            (in_dm("q"), TS),
            (in_dm("q", subtype="file_share", files=[{"id": "F1"}]), TS),
        ],
    )
    def test_a_deleted_message_is_told(self, before: Json, thread: str) -> None:
        """Its id and its thread say what is to be removed."""
        news = translate(deleted(before), ME, NAMES)
        assert isinstance(news, Deleted)
        assert (news.message.message_id, news.message.address.thread, news.message.text) == (TS, thread, "")
        assert news.message.reply_to["thread_ts"] == thread

    def test_a_deleted_message_with_replies_becomes_a_tombstone(self) -> None:
        """Slack tells that as a change."""
        before = said("<@UBOT> q", thread_ts=TS, reply_count=2)
        gone = {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "ts": TS, "thread_ts": TS, "text": "x"}
        news = translate(changed(before, gone), ME, NAMES)
        assert isinstance(news, Deleted)
        assert news.message.address == ThreadId("slack", "T1", "C1", TS)

    @pytest.mark.parametrize("before", [said("a", user="UBOT", bot_id="BBOT", thread_ts=ROOT)])
    def test_other_deletions_are_none(self, before: Json) -> None:
        """Chatter, and what we took back ourselves."""
        assert translate(deleted(before), ME, NAMES) is None


class TestActs:
    @pytest.mark.parametrize(
        ("action_id", "value", "action", "reply", "private"),
        [
            ("corral:share", "job1 C9 command-1", Action.SHARE, {"command", "shared", "response_url"}, False),
            ("corral:thread", "job1 C9 command-1", Action.THREAD, {"command", "response_url"}, False),
            ("corral:reveal", "job1 C9 command-1", Action.REVEAL, {"private", "response_url", "until"}, True),
            ("corral:again", "job1 C9 view-V1", Action.AGAIN, {"private", "response_url", "until"}, True),
            ("corral:feedback", "good:job1 C9 view-V1", Action.GOOD, {"private", "response_url", "until"}, True),
        ],
    )
    def test_buttons_of_what_one_person_sees(
        self, action_id: str, value: str, action: Action, reply: set[str], private: bool
    ) -> None:
        """They tell which conversation they are about; what shows it to everybody is no private matter any more."""
        press = translate(pressed(action_id, value), ME, NAMES)
        assert isinstance(press, Press)
        thread = value.rpartition(" ")[2]
        assert (press.action, press.target, press.private) == (action, "job1", private)
        assert press.person.address == ThreadId("slack", "T1", "C9", thread)
        assert press.reply_to.keys() == reply | {"user", "team"}

    @pytest.mark.parametrize("value", ["job1 C9", "job1 C9 a b", "job1 "])
    def test_a_button_that_names_no_conversation_is_none(self, value: str) -> None:
        """None of ours says so."""
        assert translate(pressed("corral:share", value), ME, NAMES) is None

    @pytest.mark.parametrize(
        ("action_id", "value", "action", "target"),
        [
            ("corral:stop", "job1", Action.STOP, "job1"),
            ("corral:again", "job1", Action.AGAIN, "job1"),
            ("corral:continue", "a:b", Action.CONTINUE, "a:b"),
            ("corral:feedback", "good:job1", Action.GOOD, "job1"),
            ("corral:feedback", "bad:a:b", Action.BAD, "a:b"),
        ],
    )
    def test_buttons(self, action_id: str, value: str, action: Action, target: str) -> None:
        """What is pressed, about which answer, by whom, and where."""
        assert translate(pressed(action_id, value), ME, NAMES) == Press(
            action=action,
            target=target,
            person=Person(ThreadId("slack", "T1", "C1", ROOT), "U1", Belonging.UNKNOWN),
            person_name="Ada",
            id=f"{TS}/{action_id}/1700000005.000001",
            at=1700000005.000001,
            message_id=TS,
            reply_to={"thread_ts": ROOT, "user": "U1", "team": "T1"},
        )

    @pytest.mark.parametrize(
        ("action_id", "value"),
        [("other:app", "x"), ("corral:dance", "x"), ("corral:feedback", "ugly:x"), ("corral:feedback", "x")],
    )
    def test_unknown_buttons_are_none(self, action_id: str, value: str) -> None:
        """Of other apps, or of another version of this one."""
        assert translate(pressed(action_id, value), ME, NAMES) is None

    def test_a_stranger_who_presses_is_marked(self) -> None:
        """Access is decided again for every press."""
        news = translate(pressed("corral:stop", "x", user={"id": "U7", "team_id": "T2"}), ME, NAMES)
        assert isinstance(news, Press)
        assert (news.person.belonging, news.person.home) == (Belonging.EXTERNAL, "T2")

    @pytest.mark.parametrize(("message", "thread"), [({}, TS), ({"thread_ts": ROOT}, ROOT)])
    def test_the_shortcut_asks_about_a_message(self, message: Json, thread: str) -> None:
        """In the message's own thread, with the message above."""
        news = translate(asked_about(**message), ME, NAMES)
        assert isinstance(news, Shortcut)
        asked = news.heard.message
        assert (asked.text, asked.address.thread) == (ASK_ABOUT_IT, thread)
        assert asked.above == (f"link:C1:{TS}" + (f":{ROOT}" if message else ""),)
        assert asked.message_id == f"{TS}/ask/1700000005.000001"
        assert (asked.author_id, asked.author_name) == ("U1", "Ada")
        assert news.heard.is_ours

    def test_slacks_own_stop_button(self) -> None:
        """Who pressed, in which thread, and when."""
        event = {"type": "agent_session_stopped", "channel": "C1", "thread_ts": ROOT, "user": "U1", "event_ts": TS}
        stopped = Stopped(Person(ThreadId("slack", "T1", "C1", ROOT), "U1", Belonging.UNKNOWN), 1700000002.0002)
        assert translate(wrapped({**event, "streaming_message_ts": [TS]}), ME, NAMES) == stopped

    def test_somebody_opens_our_messages(self) -> None:
        """The home tab is something else."""
        event = {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "messages", "event_ts": TS}
        assert translate(wrapped(event), ME, NAMES) == HomeOpened("U1", "D1")


class TestCommands:
    def test_a_question_gets_a_thread_of_its_own(self) -> None:
        """Named by the command, so that a replayed request is the same question."""
        asked = commands.translate(commanded("/corral", "why &lt;b&gt;?"), ME, NAMES, 1700000000.5)
        assert asked == Heard(
            InboundMessage(
                address=ThreadId("slack", "T1", "C1", "command-1.2.abc"),
                message_id="command-1.2.abc",
                author_id="U1",
                author_name="Ada",
                text="why <b>?",
                sent_at=1700000000.5,
                reply_to={"command": "/corral", "user": "U1", "team": "T1", "asked": "why <b>?"},
                belonging=Belonging.UNKNOWN,
            ),
            mentioned=True,
        )

    def test_code(self) -> None:
        """The skill's question, with the language that the first word names."""
        asked = commands.translate(commanded("/code", "ts\ndebounce"), ME, NAMES, 0.0)
        assert isinstance(asked, Heard)
        assert asked.message.text.startswith("Write a code snippet in TypeScript")
        assert asked.message.text.endswith("\n\ndebounce")

    @pytest.mark.parametrize(
        ("command", "text", "told"),
        [
            ("/corral", "", HELP),
            ("/corral", " HELP ", HELP),
            ("/code", "help", HELP),
            ("/other", "x", NOT_KNOWN),
        ],
    )
    def test_help_needs_no_answer(self, command: str, text: str, told: str) -> None:
        """It comes with the acknowledgement."""
        assert commands.translate(commanded(command, text), ME, NAMES, 0.0) == told

    @pytest.mark.parametrize(
        ("command", "text", "skill", "asked"),
        [
            ("/corral", "explain `sorted(d)`", Skill.EXPLAIN, "```\nsorted(d)\n```"),
            ("/corral", "Fix: it crashes ```x.pop(i)```", Skill.FIX, "it crashes\n\n```\nx.pop(i)\n```"),
            ("/corral", "review\n```py\neval(x)\n```", Skill.REVIEW, "```python\neval(x)\n```"),
            ("/corral", "test def f(x): return x", Skill.TEST, "def f(x): return x"),
            ("/corral", "complete\n    def f(x):", Skill.COMPLETE, "    def f(x):"),
            ("/corral", "fill a = &lt;FILL_ME&gt;", Skill.FILL, "Before:\n```\na ="),
            ("/corral", "code ts debounce", Skill.CODE, "debounce"),
            ("/code", "ts debounce", Skill.CODE, "debounce"),
            ("/corral", "fixing a bug, how?", Skill.ASK, "fixing a bug, how?"),
        ],
    )
    @pytest.mark.parametrize("privately", ["", "private ", "privately: "])
    def test_skills(self, command: str, text: str, skill: Skill, asked: str, privately: str) -> None:
        """The first word names one; before it may stand that nobody else is to see the answer."""
        heard = commands.translate(commanded(command, privately + text), ME, NAMES, 0.0)
        assert isinstance(heard, Heard)
        assert heard.message.skill is skill
        assert asked in heard.message.text
        assert heard.message.private is bool(privately)
        assert ("command" in heard.message.reply_to) is not bool(privately)
        assert bool(heard.message.code) is (skill in {Skill.COMPLETE, Skill.FILL})

    @pytest.mark.parametrize(
        ("text", "asked"),
        [
            ("private keys in SSH: how do they work?", "private keys in SSH: how do they work?"),
            ("private or public fields?", "private or public fields?"),
            ("private methods in Python?", "private methods in Python?"),
            ("Private IP ranges?", "Private IP ranges?"),
            ("private: keys in SSH, how do they work?", "keys in SSH, how do they work?"),
            ("private order a list", "order a list"),
            ("privately keys in SSH?", "keys in SSH?"),
            ("privateer ships?", None),
            ("privacy of fields?", None),
        ],
    )
    def test_the_first_word_private_is_always_private(self, text: str, asked: str | None) -> None:
        """Whatever follows; it stays in the question where the question would be another without it."""
        heard = commands.translate(commanded("/corral", text), ME, NAMES, 0.0)
        assert isinstance(heard, Heard)
        assert (heard.message.text, heard.message.private) == (asked or text, asked is not None)

    @pytest.mark.parametrize(
        "text",
        [
            "explain how a heap works",
            "test driven development: what is it?",
            "code review tips?",
            "complete list of HTTP status codes?",
            "fill me in on asyncio",
            "fix the loop in Go",
        ],
    )
    def test_a_sentence_that_only_begins_with_a_skills_name_is_a_question(self, text: str) -> None:
        """As it is behind a mention."""
        heard = commands.translate(commanded("/corral", text), ME, NAMES, 0.0)
        assert isinstance(heard, Heard)
        assert (heard.message.text, heard.message.skill) == (text, Skill.ASK)

    @pytest.mark.parametrize("word", ["settings", "help", "stop"])
    def test_words_that_are_no_questions_are_no_snippets(self, word: str) -> None:
        """Behind /code they mean what they mean behind /corral."""
        behind_code, behind_corral = (
            commands.translate(commanded(command, word), ME, NAMES, 0.0) for command in ("/code", "/corral")
        )
        assert behind_code == behind_corral
        asked = commands.translate(commanded("/code", "status"), ME, NAMES, 0.0)
        assert isinstance(asked, Heard)
        assert (asked.message.text, asked.message.skill, asked.message.private) == ("status", Skill.ASK, True)

    @pytest.mark.parametrize(
        ("command", "text", "skill", "words", "code", "private"),
        [
            ("/code", "", Skill.CODE, "", "", False),
            ("/code", "python", Skill.CODE, "", "", False),
            ("/corral", "explain", Skill.EXPLAIN, "", "", False),
            ("/corral", "explain this", Skill.EXPLAIN, "this", "", False),
            ("/corral", "fix: it crashes", Skill.FIX, "it crashes", "", False),
            ("/corral", "complete the code above", Skill.COMPLETE, "the code above", "", False),
            ("/corral", "private fix", Skill.FIX, "", "", True),
            ("/corral", "private", Skill.ASK, "", "", True),
            ("/corral", "fill x = 1", Skill.FILL, "", "x = 1", False),
        ],
    )
    def test_what_lacks_something_opens_a_form(
        self, command: str, text: str, skill: Skill, words: str, code: str, private: bool
    ) -> None:
        """With what was typed in it."""
        opening = commands.translate(commanded(command, text), ME, NAMES, 0.0)
        assert isinstance(opening, Opening)
        form = opening.form
        assert (form.skill, form.words, form.code, form.private) == (skill, words, code, private)
        assert (opening.trigger, form.origin.channel) == ("1.2.abc", "C1")
        assert form.language == (language_named("python") if text == "python" else None)

    def test_settings_are_wanted(self) -> None:
        """In a form of their own."""
        wanted = commands.translate(commanded("/corral", "settings"), ME, NAMES, 0.0)
        assert wanted == SettingsWanted(Person(ThreadId("slack", "T1", "C1", ""), "U1", Belonging.UNKNOWN), "1.2.abc")

    def test_how_things_stand_is_told_to_whoever_asks(self) -> None:
        """And to nobody else."""
        asked = commands.translate(commanded("/corral", "status"), ME, NAMES, 0.0)
        assert isinstance(asked, Heard)
        assert (asked.message.text, asked.message.private) == ("status", True)

    @pytest.mark.parametrize("word", ["stop", "Quiet", "forget"])
    def test_words_for_threads_say_where_they_work(self, word: str) -> None:
        """Slack has no commands of apps inside threads."""
        told = commands.translate(commanded("/corral", word), ME, NAMES, 0.0)
        assert told == f"That works inside a thread: mention me there with `{word.lower()}`."

    def test_a_long_question_is_quoted_in_part(self) -> None:
        """The writer shows it above the answer."""
        asked = commands.translate(commanded("/corral", "x" * 5000), ME, NAMES, 0.0)
        assert isinstance(asked, Heard)
        assert len(asked.message.reply_to["asked"]) == 300
        assert len(asked.message.text) == 5000

    def test_a_broken_command_is_told(self) -> None:
        """Its author waits for something."""
        assert commands.translate(commanded("/corral", "q", trigger_id=None), ME, NAMES, 0.0) == NOT_READ


EXAMPLES: list[Json] = [
    wrapped(said("<@UBOT> see <https://acme.slack.com/archives/C9/p1700000000000001>", thread_ts=ROOT)),
    wrapped(in_dm("q", user_team="T1")),
    changed(said("<@UBOT> a"), said("<@UBOT> b", edited={"user": "U1", "ts": TS})),
    changed(said("<@UBOT> a", thread_ts=TS), {"subtype": "tombstone", "ts": TS}),
    deleted(said("<@UBOT> a")),
    wrapped({"type": "agent_session_stopped", "channel": "C1", "thread_ts": ROOT, "user": "U1", "event_ts": TS}),
    wrapped({"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "messages"}),
    pressed("corral:again", "job1"),
    pressed("corral:feedback", "good:job1"),
    asked_about(thread_ts=ROOT),
    asked_about() | {"callback_id": "corral_form", "response_url": "https://hooks.slack.com/1"},
    pressed("corral:share", "job1 C1 command-1"),
    pressed("corral:try:fix", "fix"),
    wrapped(in_dm("q", subtype="file_share", files=[{"id": "F1", "name": "a", "size": 1, "url_private": "https://x"}])),
]
JUNK = st.sampled_from([None, "", "x" * 100, "nan", "\ud800", 0, -1.5, True, [], ["x"], {}, {"id": 1}, {"ts": None}])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a payload."""
    yield path
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*path, name))


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """A payload of Slack's in which one to three places hold something else."""
    asked = commanded("/corral", "q"), commanded("/corral", "private fix")
    payload = copy.deepcopy(draw(st.sampled_from([*EXAMPLES, *asked])))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([place for place in places(payload) if place]))
        holder = payload
        for name in way:
            holder = holder[name]
        holder[last] = copy.deepcopy(draw(JUNK))
    return payload


class TestMalformed:
    @given(broken())
    @settings(max_examples=1500, deadline=None)
    def test_nothing_that_slack_might_send_raises(self, payload: Any) -> None:
        """What can be made of it can be stored; the rest is left."""
        news = translate(payload, ME, NAMES)
        for message in messages_of(news):
            assert load_message(dump_message(message)) == message
        assert all(isinstance(person, str) for person in people_in(payload, ME))
        asked = commands.translate(payload, ME, NAMES, 1.0)
        assert not isinstance(asked, Heard) or dump_message(asked.message)
        assert not isinstance(asked, Opening) or check_view(forms.view(asked.form), SCOPES)
        assert all(isinstance(file.size, int) for file in files_in(payload))

    @pytest.mark.parametrize("payload", EXAMPLES)
    def test_what_is_broken_here_is_understood_when_it_is_whole(self, payload: Json) -> None:
        """Else the test above would show nothing."""
        assert translate(payload, ME, NAMES) is not None

    @pytest.mark.parametrize("payload", [None, [], "x", 3, {}, {"type": "event_callback"}, {"type": "block_actions"}])
    def test_no_payload_at_all(self, payload: Any) -> None:
        """Slack's documentation is no promise."""
        assert translate(payload, ME, NAMES) is None
        assert people_in(payload, ME) == []

    def test_a_log_line_names_the_field_and_not_the_words(self, caplog: pytest.LogCaptureFixture) -> None:
        """Logs are read by more people than channels are."""
        with caplog.at_level(logging.DEBUG):
            assert translate(wrapped(said("<@UBOT> my secret", ts="my secret")), ME, NAMES) is None
        assert "ts is no ts" in caplog.text
        assert "secret" not in caplog.text


def messages_of(news: News | None) -> list[InboundMessage]:
    match news:
        case Heard(message) | Edited(Heard(message)) | Shortcut(Heard(message)) | Deleted(message):
            return [message]
    return []


@pytest.mark.parametrize(
    ("payload", "people"),
    [
        (wrapped(said("<@UBOT> ask <@U2> and <@U3>")), ["U1", "U2", "U3"]),
        (changed(said("a"), said("<@U2> b")), ["U1", "U2"]),
        (pressed("corral:again", "x"), ["U1"]),
        (asked_about(), ["U1"]),
        (commanded("/corral", "what says <@U2>?"), ["U1", "U2"]),
    ],
)
def test_the_people_whose_names_are_needed(payload: Json, people: list[str]) -> None:
    """Who acts, and who is mentioned."""
    assert people_in(payload, ME) == people
