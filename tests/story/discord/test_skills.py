"""Skills as people use them in Discord: commands, forms, menus and names, to the answer in its shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.discord.commands import MENUS
from adapters.discord.desk import SHOWN_HERE
from conversation import notices
from conversation.model import Skill
from conversation.prompts.infill import HOLE
from conversation.skills import SKILLS
from tests.servers.discord import ALICE, BOB, BOT_USER, GENERAL, PEOPLE, PUBLIC, RANDOM, DiscordServer
from tests.servers.discord.interaction import DEFER_REPLY, REPLY_NOW, SHOW_MODAL
from tests.servers.discord.routes import RESPOND, SEND, THREAD_FROM_MESSAGE
from tests.servers.toy_model import ToyModel
from tests.story.discord.conftest import (
    ANSWER_TOKENS,
    AT_ONCE,
    QUESTION,
    SHARE,
    THREAD,
    WHOLE,
    WHOLE_PRIVATELY,
    Office,
    actions,
)
from tests.story.discord.processes import Holds, Step
from tests.story.programs import program
from tests.waiting import until

OPEN = "import os\n\ndef area(r"
HOLED = "def f():\n\t<FILL_ME>\n\treturn x\n"
LOOP = "for i in x:\n\tx.pop(i)"
RAW = ToyModel(ANSWER_TOKENS).answer_to("")  # what the toy says after anything that is no dialog
IN_WORDS = [Skill.EXPLAIN, Skill.REVIEW, Skill.FIX, Skill.TEST]


@pytest.fixture
async def open_office(office: Office) -> AsyncIterator[Office]:
    """With the program in it, its commands on offer, and a model that answers at once."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await until("the commands are registered", lambda: bool(office.discord.commands))
        yield office


CODES = {Skill.COMPLETE: OPEN, Skill.FILL: HOLED, **dict.fromkeys(IN_WORDS, LOOP)}
ASKED = {
    Skill.EXPLAIN: "Explain what this code",
    Skill.REVIEW: "Review this code",
    Skill.FIX: "Correct this code",
    Skill.TEST: "Write tests for this code",
}


def right(office: Office, skill: Skill, body: str, tag: str = "") -> None:
    """The model was asked for this skill, and its answer is shown in the skill's shape."""
    asked = str(office.model.requests[-1]["inputs"])
    code = CODES.get(skill, "")
    if skill is Skill.CODE:
        assert "Write a code snippet in Python" in asked
        assert asked.endswith("\n\nsort a list [/INST] ```python\n")
        assert body == office.expected_now()
    elif skill is Skill.COMPLETE:
        assert asked == code
        assert body.startswith(f"```{tag}\n{code[code.rfind(chr(10)) + 1 :]}{RAW}")
    elif skill is Skill.FILL:
        before, _, after = code.partition("<FILL_ME>")
        assert asked == f"<PRE> {before} <SUF>{after} <MID>"
        assert body.startswith(f"```{tag}\n{before}{RAW}{after}")
        assert "\n```diff\n" in body
    else:
        assert ASKED[skill] in asked
        assert code in asked
        assert body == office.expected_now()


class TestEverySkill:
    """By each of the ways in which people call it up."""

    @pytest.mark.parametrize("private", [False, True])
    @pytest.mark.parametrize("skill", SKILLS)
    async def test_by_command(self, open_office: Office, discord: DiscordServer, skill: Skill, private: bool) -> None:
        """With a file; the answer is one person's alone, or stands in a thread of what everybody sees."""
        options: dict[str, Any] = {"private": private}
        if skill is Skill.CODE:
            options |= {"what": "sort a list", "language": "Python"}
        else:
            options |= {"file": discord.add_file("a.py", CODES[skill])}
        called = await discord.command(skill, options)
        assert called.response_type == (DEFER_REPLY if private else REPLY_NOW)
        await open_office.settled()
        if private:
            (answer,) = discord.ephemerals
            assert discord.bot_messages() == []
        else:
            root = open_office.answer(GENERAL)
            answer = open_office.answer(root.id)
            assert root.shown.startswith(f"**Alice** asked:\n>>> {skill}")
        right(open_office, skill, answer.body, "python")

    @pytest.mark.parametrize("skill", SKILLS)
    async def test_by_form(self, open_office: Office, discord: DiscordServer, skill: Skill) -> None:
        """Which opens where something is missing; code in it stays as it is, byte for byte."""
        called = await discord.command(skill, {"language": "Python"})
        assert called.response_type == SHOW_MODAL
        entered = {"words": "sort a list"} if skill is Skill.CODE else {"code": CODES[skill]}
        await discord.submit(called, entered)
        await open_office.settled()
        right(open_office, skill, open_office.answer(open_office.answer(GENERAL).id).body, "python")

    @pytest.mark.parametrize("skill", SKILLS)
    async def test_by_name(self, open_office: Office, discord: DiscordServer, skill: Skill) -> None:
        """The first word behind ours, and the code below."""
        text = "code python sort a list" if skill is Skill.CODE else f"{skill}\n```py\n{CODES[skill]}\n```"
        asked = await discord.mention(text)
        await open_office.settled()
        right(open_office, skill, open_office.answer(asked).body, "python")

    @pytest.mark.parametrize("skill", SKILLS)
    async def test_by_name_on_a_file(self, open_office: Office, discord: DiscordServer, skill: Skill) -> None:
        """Attached to the message that names it."""
        if skill is Skill.CODE:
            pytest.skip("it is asked for in words")
        asked = await discord.mention(str(skill), attachments=[("a.py", CODES[skill])])
        await open_office.settled()
        right(open_office, skill, open_office.answer(asked).body, "python")

    @pytest.mark.parametrize(("menu", "skill"), [one for one in MENUS.items() if one[1] is not Skill.ASK])
    async def test_by_menu(self, open_office: Office, discord: DiscordServer, menu: str, skill: Skill) -> None:
        """Of a message that has the code."""
        about = await discord.say(LOOP, user=BOB)
        await discord.message_menu(menu, about)
        await open_office.settled()
        right(open_office, skill, open_office.answer(about).body)

    async def test_menus_are_for_what_is_asked_in_words(self) -> None:
        """Discord has room for five; completing and filling work on exactly what was pasted."""
        assert set(MENUS.values()) == {Skill.ASK, *IN_WORDS}
        assert {*IN_WORDS, Skill.CODE, Skill.COMPLETE, Skill.FILL} == set(SKILLS)

    async def test_a_follow_up_knows_the_file(self, open_office: Office, discord: DiscordServer) -> None:
        """It is a question like any other in the thread."""
        file = discord.add_file("loop.py", LOOP)
        await discord.command("fix", {"words": "why?", "file": file})
        await open_office.settled()
        root = open_office.answer(GENERAL)
        assert f"\n\nwhy?\n\nloop.py:\n```python\n{LOOP}\n``` [/INST]" in open_office.last_prompt()
        await discord.say("and backwards?", channel=root.id, user=BOB)
        await open_office.settled()
        assert "loop.py:" in open_office.last_prompt()
        assert open_office.thread(root.id)[-1].body == open_office.expected_now()


class TestRemarks:
    @pytest.mark.parametrize("skill", [Skill.COMPLETE, Skill.FILL])
    async def test_words_that_are_not_used_are_told(
        self, open_office: Office, discord: DiscordServer, skill: Skill
    ) -> None:
        """Below the answer."""
        file = discord.add_file("a.py", CODES[skill])
        await discord.command(skill, {"code": "explain this to me", "file": file, "private": True})
        await open_office.settled()
        (answer,) = discord.ephemerals
        assert f"I {skill} the code alone: what was said beside it is not used." in answer.notice

    async def test_what_a_form_lacks_is_told_with_all_that_was_typed(
        self, open_office: Office, discord: DiscordServer
    ) -> None:
        """Discord opens no second form: a long text comes as a file."""
        for code in ("x = 1", "x = 1\n" * 600):
            called = await discord.command("fill")
            await discord.submit(called, {"code": code})
        short, long = discord.ephemerals
        assert "```\nx = 1\n```" in short.shown
        (file_id,) = long.attachments
        assert discord.home.files[file_id].data == b"x = 1\n" * 600

    async def test_what_was_not_read_stands_below_the_answer(self, open_office: Office, discord: DiscordServer) -> None:
        """In small print, and the model hears nothing of it."""
        asked = await discord.mention(QUESTION, attachments=[("cat.png", b"\x89PNG\r\n\x1a\n")])
        await open_office.settled()
        assert open_office.answer(asked).body == open_office.expected()
        assert open_office.answer(asked).notice.startswith("cat.png is a picture, and I read only text and code.")
        assert "cat.png" not in open_office.last_prompt()


async def test_a_fill_that_loses_its_hole_while_it_runs_says_what_is_missing(
    office: Office, discord: DiscordServer
) -> None:
    """The model is not asked what it thinks of that."""
    office.model.behaviour = replace(AT_ONCE, token_delay=0.1)
    async with office.replica():
        asked = await discord.mention(f"fill\n```py\n{HOLED}```")
        await office.begun(asked, words=4)
        await discord.edit(asked, f"<@{BOT_USER}> fill\n```py\nx = 1\n```")
        await office.settled()
    assert notices.mark_the_hole(HOLE) in office.answer(asked).shown
    assert len(office.model.requests) == 1


class TestLongFiles:
    CODE = "x = 1  # a line\n" * 500 + "def f():\n\t<FILL_ME>\n" + "y = 2  # a line\n" * 500

    @pytest.mark.parametrize("private", [False, True])
    async def test_a_filled_file_is_a_file_and_its_new_lines(
        self, open_office: Office, discord: DiscordServer, private: bool
    ) -> None:
        """Not dozens of messages that repeat it."""
        await discord.command("fill", {"file": discord.add_file("long.py", self.CODE), "private": private})
        await open_office.settled()
        shown = discord.ephemerals if private else open_office.thread(open_office.thread(GENERAL)[-1].id)
        answer, file = shown
        shape = f"python\nx = 1  # a line\nx = 1  # a line\ndef f():\n\t{RAW}\n" + 3 * "y = 2  # a line\n"
        assert answer.body.lstrip("`").startswith(f"{shape}```")
        assert "what I filled in. The rest of the code is as it was." in answer.body
        (file_id,) = file.attachments
        assert discord.home.files[file_id].data.decode() == self.CODE.replace("<FILL_ME>", RAW)

    async def test_a_file_that_was_filled_privately_is_shown_with_its_answer(
        self, open_office: Office, discord: DiscordServer
    ) -> None:
        """Whoever sees the new lines has the file."""
        await discord.command("fill", {"file": discord.add_file("long.py", self.CODE), "private": True})
        await open_office.settled()
        await open_office.press(discord.ephemerals[0], SHARE)
        await open_office.settled()
        (file_id,) = [name for message in discord.bot_messages() for name in message.attachments]
        assert discord.home.files[file_id].data.decode() == self.CODE.replace("<FILL_ME>", RAW)


class TestMenusAndNames:
    async def test_the_menu_of_a_message(self, open_office: Office, discord: DiscordServer) -> None:
        """The code is the message's; whoever deletes that takes it out of our memory, too."""
        about = await discord.say(LOOP, user=BOB)
        await discord.message_menu("Fix this", about)
        await open_office.settled()
        assert open_office.answer(about).body == open_office.expected_now()
        assert f"{LOOP}\n" in open_office.last_prompt()
        assert "Correct this code." in open_office.last_prompt()
        assert open_office.answer(about).notice == notices.read_above(1)
        await discord.delete(about)
        await open_office.settled()
        assert all(LOOP not in text for _, text in await open_office.turns(about))

    async def test_a_mention_whose_first_word_is_a_skills_name(
        self, open_office: Office, discord: DiscordServer
    ) -> None:
        """With the code above, in people's thread."""
        thread = await discord.open_thread("talk")
        await discord.say(f"```py\n{LOOP}\n```", channel=thread, user=BOB)
        await discord.mention("fix this", channel=thread)
        await open_office.settled()
        assert "Correct this code." in open_office.last_prompt()
        assert LOOP in open_office.last_prompt()
        assert open_office.answer(thread).body == open_office.expected_now()


class TestPrivateAnswers:
    async def answered(self, office: Office, discord: DiscordServer, question: str = QUESTION) -> str:
        """A private answer to it; its message's id."""
        await discord.command("ask", {"question": question, "private": True})
        await office.settled()
        return discord.ephemerals[-1].id

    async def test_they_offer_to_be_shown_when_they_are_whole(
        self, open_office: Office, discord: DiscordServer
    ) -> None:
        """To everybody; not those that everybody sees already."""
        answer = discord.message(await self.answered(open_office, discord))
        assert actions(answer) == WHOLE_PRIVATELY
        asked = await discord.mention(QUESTION)
        await open_office.settled()
        assert actions(open_office.answer(asked)) == WHOLE

    async def test_in_the_channel(self, open_office: Office, discord: DiscordServer) -> None:
        """With the question above it, once; who replies to it gets an answer that knows of it."""
        answer = discord.message(await self.answered(open_office, discord))
        await open_office.press(answer, SHARE)
        await open_office.settled()
        root, shared = open_office.thread(GENERAL)
        assert root.shown == f"**Alice** asked:\n>>> {QUESTION}"
        assert (shared.body, shared.buttons, shared.notice) == (open_office.expected(), [], "")
        assert [one.shown for one in discord.ephemerals][1:] == [SHOWN_HERE]
        await open_office.press(answer, SHARE)
        await open_office.settled()
        assert discord.ephemerals[-1].shown == notices.ALREADY_SHOWN
        assert len(open_office.thread(GENERAL)) == 2
        reply = await discord.say("and backwards?", reply_to=shared.id, user=BOB)
        await open_office.settled()
        assert open_office.expected() in open_office.last_prompt()
        assert open_office.answer(reply).body == open_office.expected_now()

    async def test_in_a_thread(self, open_office: Office, discord: DiscordServer) -> None:
        """Where everybody goes on with it, and learns nothing of what else was asked privately."""
        await self.answered(open_office, discord, "what is my secret?")
        answer = discord.message(await self.answered(open_office, discord))
        body = answer.body
        await open_office.press(answer, THREAD)
        await open_office.settled()
        root = open_office.answer(GENERAL)
        assert root.shown == f"**Alice** asked:\n>>> {QUESTION}"
        assert discord.channel(root.id).name == QUESTION
        shown = open_office.answer(root.id)
        assert (shown.body, actions(shown)) == (body, WHOLE)
        await discord.say("and backwards?", channel=root.id, user=BOB)
        await open_office.settled()
        assert QUESTION in open_office.last_prompt()
        assert "secret" not in open_office.last_prompt()
        assert open_office.thread(root.id)[-1].body == open_office.expected_now()
        await open_office.press(shown, "again")
        await open_office.settled()
        assert open_office.thread(root.id)[0].body == open_office.expected_now()
        assert "secret" not in open_office.last_prompt()

    async def test_within_a_thread_it_is_shown_there(self, open_office: Office, discord: DiscordServer) -> None:
        """There is no thread within a thread."""
        thread = await discord.open_thread("talk")
        await discord.command("ask", {"question": QUESTION, "private": True}, channel=thread)
        await open_office.settled()
        (answer,) = discord.ephemerals
        assert actions(answer) == ["again", SHARE, "good", "bad"]
        await open_office.press(answer, SHARE)
        await open_office.settled()
        root, shown = open_office.thread(thread)
        assert QUESTION in root.shown
        assert (shown.body, actions(shown)) == (open_office.expected(), WHOLE)
        await discord.say("and backwards?", channel=thread, user=BOB)
        await open_office.settled()
        assert QUESTION in open_office.last_prompt()

    async def test_a_skills_question_is_shown_as_it_was_given(
        self, open_office: Office, discord: DiscordServer
    ) -> None:
        """Without what the model is told beside it."""
        called = await discord.command("fix", {"private": True})
        await discord.submit(called, {"code": LOOP, "words": "it crashes"})
        await open_office.settled()
        await open_office.press(discord.ephemerals[-1], THREAD)
        await open_office.settled()
        root = open_office.answer(GENERAL)
        assert root.shown == f"**Alice** asked:\n>>> fix: it crashes\n\n```\n{LOOP}\n```"
        assert discord.channel(root.id).name == "fix: it crashes"

    async def test_where_we_may_not_write_they_are_told(self, open_office: Office, discord: DiscordServer) -> None:
        """Before anything is shown; and what is missing."""
        answer = discord.message(await self.answered(open_office, discord))
        await discord.deny(GENERAL, "send_messages")
        await open_office.press(answer, THREAD)
        await open_office.settled()
        assert "Send Messages" in discord.ephemerals[-1].shown
        assert open_office.thread(GENERAL) == []

    async def test_what_was_forgotten_is_shown_no_more(self, open_office: Office, discord: DiscordServer) -> None:
        """The person is told."""
        answer = discord.message(await self.answered(open_office, discord))
        await discord.command("forget")
        await open_office.settled()
        await open_office.press(answer, SHARE)
        await open_office.settled()
        assert discord.ephemerals[-1].shown == notices.NO_SUCH_ANSWER
        assert open_office.thread(GENERAL) == []

    async def test_a_long_answer_is_shown_whole(self, open_office: Office, discord: DiscordServer) -> None:
        """In as many messages as it needs."""
        open_office.model.model = ToyModel(700)
        answer = await self.answered(open_office, discord)
        whole = " ".join(one.body for one in discord.ephemerals)
        await open_office.press(discord.message(answer), THREAD)
        await open_office.settled()
        root = open_office.answer(GENERAL)
        shown = open_office.thread(root.id)
        assert len(shown) > 1
        assert " ".join(one.body for one in shown).split() == whole.split()
        assert [actions(one) for one in shown] == [[]] * (len(shown) - 1) + [WHOLE]


SHOWING = {
    "before it is said who asks": Step(SEND, False),
    "when it was said who asks": Step(SEND, True),
    "before the thread is opened": Step(THREAD_FROM_MESSAGE, False),
    "when the thread is open": Step(THREAD_FROM_MESSAGE, True),
    "before the answer is there": Step(SEND, False, number=2),
    "when the answer is there": Step(SEND, True, number=2),
}


async def test_a_private_answer_is_shown_once_though_the_program_is_killed(
    office: Office, discord: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step, with Discord's nonces forgotten by the restart: one message says who asks, one thread has the
    answer."""
    office.model.behaviour = AT_ONCE
    discord.home.nonce_seconds = 1.0
    channels = dict(zip(SHOWING, PUBLIC[10:], strict=False))
    holds = Holds(monkeypatch, discord, {channels[name]: step for name, step in SHOWING.items()})
    async with program(office, tmp_path) as first:
        await until("the commands are registered", lambda: bool(discord.commands))
        # Of one person two at a time are answered.
        for channel, user in zip(channels.values(), PEOPLE, strict=False):
            await discord.command("ask", {"question": QUESTION, "private": True}, channel=channel, user=user)
        await office.settled()
        for answer in list(discord.ephemerals):
            assert answer.ephemeral_for is not None
            await office.press(answer, THREAD, user=answer.ephemeral_for)
        await until("every answer is at its step", lambda: holds.arrived == set(channels.values()))
        await first.killed()
    async with program(office, tmp_path) as second:
        await office.settled()
        assert await second.terminated() == 0
    roots = {name: office.thread(channel) for name, channel in channels.items()}
    assert {name: len(messages) for name, messages in roots.items()} == dict.fromkeys(SHOWING, 1)
    shown = {name: office.thread(messages[0].id) for name, messages in roots.items()}
    assert {name: [one.body for one in messages] for name, messages in shown.items()} == {
        name: [office.expected()] for name in SHOWING
    }
    assert {name: actions(messages[0]) for name, messages in shown.items()} == dict.fromkeys(SHOWING, WHOLE)
    assert len(discord.threads) == len(SHOWING)


async def test_a_form_is_answered_though_the_program_is_killed_before_it_is_stored(
    office: Office, discord: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discord showed that it was taken: it comes again with the session, to a process that did not open it."""
    office.model.behaviour = AT_ONCE
    async with program(office, tmp_path) as first:
        await until("the commands are registered", lambda: bool(discord.commands))
        public = await discord.command("fix", {"words": "it crashes"})
        private = await discord.command("fix", {"private": True}, channel=RANDOM)
        holds = Holds(monkeypatch, discord, {GENERAL: Step(RESPOND, True), RANDOM: Step(RESPOND, True)})
        shown = await discord.submit(public, {"code": LOOP})
        hidden = await discord.submit(private, {"code": LOOP})
        await until("both were taken", lambda: holds.arrived == {GENERAL, RANDOM})
        await office.killed(first)
    async with program(office, tmp_path) as second:

        async def are_stored() -> bool:
            return await office.is_stored(shown) and await office.is_stored(hidden)

        await until("both are stored", are_stored, deadline_seconds=30)
        await office.settled()
        assert await second.terminated() == 0
    root = office.answer(GENERAL)
    assert "Correct this code." in office.last_prompt()
    assert len(office.ended(root.id)) == 1
    (answer,) = discord.ephemerals
    assert (answer.id, answer.ephemeral_for) == (hidden.original, ALICE)
    assert answer.body


class TestSettings:
    async def test_hold_for_new_threads(self, open_office: Office, discord: DiscordServer) -> None:
        """Those that have begun stay as they are."""
        asked = await discord.mention(QUESTION)
        await open_office.settled()
        await discord.command("settings mine", {"language": "Go", "instructions": "Be brief."})
        await until("it is kept", lambda: notices.FOR_NEW_THREADS in discord.ephemerals[-1].shown)
        await discord.say("and backwards?", channel=asked)
        await open_office.settled()
        assert "Be brief." not in open_office.last_prompt()
        await discord.command("code", {"what": "sort a list"})
        await open_office.settled()
        assert "Write code in Go unless another language is asked for.\n\nBe brief." in open_office.last_prompt()
        assert open_office.model.requests[-1]["inputs"].endswith("[/INST] ```")

    async def test_status_tells_them(self, open_office: Office, discord: DiscordServer) -> None:
        """To who asks alone, in a thread of the channel, too."""
        await discord.promote()
        await discord.command("settings channel", {"variety": "0.7"})
        await until("it is kept", lambda: notices.FOR_NEW_THREADS in discord.ephemerals[-1].shown)
        thread = await discord.open_thread("talk")
        await discord.command("status", channel=thread)
        await open_office.settled()
        told = discord.ephemerals[-1]
        assert told.ephemeral_for == ALICE
        assert told.shown.startswith("The model is ")
        assert "Set for this channel: variety 0.7." in told.shown
        assert open_office.model.requests == []
