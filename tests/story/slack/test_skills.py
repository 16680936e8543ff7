"""Every skill as people call it up in Slack: by commands, forms, mentions and message menus, with code and files."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.commands import ANSWER_COMES_PRIVATELY
from adapters.slack.forms import TITLE
from adapters.slack.interactions import FORM_SHORTCUT
from adapters.slack.replies import SlackReplies
from conversation import notices
from conversation.skills import SKILLS
from tests.servers.slack import ALICE, BOB, ELSEWHERE, GENERAL, SlackServer, dm_of
from tests.story.slack.conftest import AT_ONCE, QUESTION, Office, actions
from tests.waiting import until

CODE = "for i in range(len(x)): x.pop(i)"
OPEN = "import os\n\n    def area(r"
HOLED = "def f():\n    <FILL_ME>\n    return x"
IN_WORDS = {
    "explain": "Explain what this code",
    "review": "Review this code",
    "fix": "Correct this code",
    "test": "Write tests for this code",
}
LONG = "".join(f"{number} the value list index returns each line\n" for number in range(80))  # in few tokens


@pytest.fixture(autouse=True)
def _at_once(office: Office) -> None:
    office.model.behaviour = AT_ONCE


async def root_of(office: Office, slack: SlackServer, channel: str = GENERAL) -> str:
    """The message that was made for the answer."""
    await until("a message is there", lambda: bool(slack.bot_messages(channel)))
    return slack.bot_messages(channel)[0].ts


def raw(office: Office) -> str:
    """What the model says after code alone."""
    return office.model.model.answer_to("")


def prompt(office: Office) -> str:
    return str(office.model.requests[-1]["inputs"])


def right(office: Office, skill: str, body: str, code: str = CODE) -> None:
    """The model was asked for this skill, and its answer is shown in the skill's shape."""
    asked = prompt(office)
    if skill == "complete":
        assert asked == OPEN
        assert body == f"````\n    def area(r{raw(office)}\n````"
    elif skill == "fill":
        assert asked == "<PRE> def f():\n     <SUF>\n    return x <MID>"
        assert body.startswith(f"````\n{HOLED.replace('<FILL_ME>', raw(office))}\n````\n\nLine 2 is what I filled in:")
        assert "\n````diff\n" in body
    elif skill == "code":
        assert "Write a code snippet in Python" in asked
        assert asked.endswith("[/INST] ```python\n")
        assert body == office.expected_now()
    else:
        assert IN_WORDS[skill] in asked
        assert code in asked
        assert body == office.expected_now()


CODES = {"complete": OPEN, "fill": HOLED, **dict.fromkeys(IN_WORDS, CODE)}
assert {*CODES, "code"} == set(SKILLS), "every skill has its tests"


@pytest.mark.parametrize("skill", [*CODES, "code"])
async def test_by_command(office: Office, slack: SlackServer, skill: str) -> None:
    """The code behind the skill's name; the answer stands in a thread of its own, and its follow-ups know it."""
    async with office.replica():
        text = "code python sort a list" if skill == "code" else f"{skill}\n```\n{CODES[skill]}\n```"
        assert (await slack.command("/corral", text)).acked
        await office.settled()
        root = await root_of(office, slack)
        answer = office.answer(root).body
        right(office, skill, answer)
        await slack.say("and now with types?", thread_ts=root)
        await office.settled()
    assert "and now with types?" in office.last_prompt()
    assert answer.strip() in office.last_prompt()


@pytest.mark.parametrize("skill", [*CODES, "code"])
async def test_by_form(office: Office, slack: SlackServer, skill: str) -> None:
    """It opens where code is missing, and what is entered is asked as the command would."""
    async with office.replica():
        assert (await slack.command("/corral", skill)).reply == {}
        form = slack.modal()
        assert (form.title, form.entered["skill"]) == (TITLE, skill)
        entered: dict[str, Any] = {"words": "sort a list", "language": "Python"} if skill == "code" else {}
        if skill != "code":
            entered = {"code": CODES[skill]}
        await slack.submit(**entered)
        assert not form.is_open
        await office.settled()
    root = slack.bot_messages(GENERAL)[0]
    assert root.shown.startswith(f"alice asked:\n> {skill}")
    right(office, skill, office.answer(root.ts).body)


@pytest.mark.parametrize("skill", [*CODES, "code"])
async def test_by_mention(office: Office, slack: SlackServer, skill: str) -> None:
    """The first word names it, the code stands below."""
    async with office.replica():
        text = "code: python sort a list" if skill == "code" else f"{skill}\n```\n{CODES[skill]}\n```"
        ts = await slack.mention(text)
        await office.settled()
    right(office, skill, office.answer(ts).body)


@pytest.mark.parametrize("skill", CODES)
async def test_by_message_menu(office: Office, slack: SlackServer, skill: str) -> None:
    """The form has the message's code, and the answer stands below the message."""
    async with office.replica():
        ts = await slack.say(f"what about\n```\n{CODES[skill]}\n```", user=BOB)
        assert (await slack.shortcut(FORM_SHORTCUT, message_ts=ts)).acked
        assert slack.modal().entered["code"] == CODES[skill]
        await slack.submit(skill=skill)
        await office.settled()
    right(office, skill, office.answer(ts).body)


@pytest.mark.parametrize("skill", IN_WORDS)
async def test_by_mention_below_the_code(office: Office, slack: SlackServer, skill: str) -> None:
    """In people's thread "fix this" means what stands above, an attached file too."""
    async with office.replica():
        root = await slack.say("it fails", user=BOB, files=[("a.py", CODE)])
        ts = await slack.mention(f"{skill} this please", thread_ts=root)
        await office.settled()
    assert IN_WORDS[skill] in office.last_prompt()
    assert f"a.py:\n```python\n{CODE}\n```" in office.last_prompt()
    assert office.answer(root).body == office.expected_now()
    assert ts


async def test_a_name_alone_points_to_what_is_above(office: Office, slack: SlackServer) -> None:
    """In a channel, too."""
    async with office.replica():
        await slack.say(f"```\n{CODE}\n```", user=BOB)
        ts = await slack.mention("fix")
        await office.settled()
    assert IN_WORDS["fix"] in office.last_prompt()
    assert CODE in office.last_prompt()
    assert "I read the message above." in office.answer(ts).notice


async def test_a_sentence_that_only_begins_with_a_name_is_a_question(office: Office, slack: SlackServer) -> None:
    """Most questions that begin with "explain" are about no code."""
    async with office.replica():
        ts = await slack.mention("explain how a heap works")
        await office.settled()
    assert "Explain what this code" not in office.last_prompt()
    assert office.answer(ts).body == office.expected("explain how a heap works")


async def test_a_mention_that_lacks_something_is_told(office: Office, slack: SlackServer) -> None:
    """Where the answer would stand; the model is not asked."""
    async with office.replica():
        ts = await slack.mention("fill\n```\nx = 1\n```")
        await office.settled()
    assert office.answer(ts).shown == "Mark the one place that I am to fill with `<FILL_ME>`."
    assert not office.model.requests


async def test_an_edit_of_a_skills_message_is_that_skills(office: Office, slack: SlackServer) -> None:
    """Answered anew when its person wants that."""
    async with office.replica():
        ts = await slack.mention(f"fix\n```\n{CODE}\n```")
        await office.settled()
        await slack.edit(ts, f"<@{slack.bot_user}> fix\n```\nx.pop()\n```")
        await office.settled()
        remark = office.thread(ts)[-1]
        assert "You edited your question" in remark.shown
        await slack.press(remark.ts, "corral:again")
        await until("it is answered anew", lambda: len(office.model.requests) == 2)
        await office.settled()
    assert IN_WORDS["fix"] in office.last_prompt()
    assert "x.pop()" in office.last_prompt()


# Files


async def test_attached_files_are_read(office: Office, slack: SlackServer) -> None:
    """Each in a fence with its name; what is no text is told below the answer."""
    async with office.replica():
        ts = await slack.mention(
            "why is this slow?", files=[("a.py", "x = 1\n"), ("b.zip", b"PK\x03\x04..."), ("c.sh", "ls\n")]
        )
        await office.settled()
    assert "why is this slow?\n\na.py:\n```python\nx = 1\n```\n\nc.sh:\n```bash\nls\n```" in office.last_prompt()
    assert office.answer(ts).body == office.expected_now()
    assert "b.zip is a ZIP archive, and I read only text and code." in office.answer(ts).notice


async def test_a_skill_works_on_an_attached_file(office: Office, slack: SlackServer) -> None:
    """Exactly as it is in the file."""
    async with office.replica():
        ts = await slack.dm("complete", files=[("a.py", OPEN)])
        await office.settled()
    assert prompt(office) == OPEN
    assert office.answer(ts, dm_of(ALICE)).body == f"````python\n    def area(r{raw(office)}\n````"


async def test_a_file_alone_in_a_thread_goes_with_its_conversation(office: Office, slack: SlackServer) -> None:
    """A picture does not: nobody asked anything."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.say("", thread_ts=ts, files=[("a.png", b"\x89PNG\r\n\x1a\n...")])
        await office.settled()
        assert len(office.thread(ts)) == 1
        await slack.say("", thread_ts=ts, files=[("a.py", "x = 1\n")])
        await office.settled()
    assert len(office.thread(ts)) == 2
    assert office.last_prompt().endswith("a.py:\n```python\nx = 1\n``` [/INST]")


async def test_a_mention_with_nothing_but_a_picture_is_told_that(office: Office, slack: SlackServer) -> None:
    """The model is not asked about what it cannot see."""
    async with office.replica():
        ts = await slack.mention("", files=[("a.png", b"\x89PNG\r\n\x1a\n...")])
        await office.settled()
    assert "a.png is a picture" in office.answer(ts).shown
    assert not office.model.requests


async def test_files_of_the_form_and_of_the_message_are_code(office: Office, slack: SlackServer) -> None:
    """More than a field takes."""
    async with office.replica():
        ts = await slack.say("see there", user=BOB, files=[("a.py", LONG)])
        await slack.shortcut(FORM_SHORTCUT, message_ts=ts)
        assert slack.modal().entered["code"] == ""
        await slack.submit(skill="review", files=[slack.add_file("b.sh", "ls\n")])
        await office.settled()
    assert f"a.py:\n```python\n{LONG.rstrip()}\n```" in office.last_prompt()
    assert "b.sh:\n```bash\nls\n```" in office.last_prompt()
    assert office.answer(ts).body == office.expected_now()


async def test_a_message_too_long_for_the_form_is_taken_whole(office: Office, slack: SlackServer) -> None:
    """The form says so."""
    async with office.replica():
        ts = await slack.say(LONG, user=BOB)
        await slack.shortcut(FORM_SHORTCUT, message_ts=ts)
        assert "too long to be shown here" in slack.modal().said
        await slack.submit(skill="explain")
        await office.settled()
    assert LONG.strip() in office.last_prompt()
    assert IN_WORDS["explain"] in office.last_prompt()
    assert office.answer(ts).body == office.expected_now()


# Forms


async def test_the_form_has_what_was_typed(office: Office, slack: SlackServer) -> None:
    """Before anybody is looked up: Slack opens none after three seconds."""
    async with office.replica():
        await slack.command("/corral", "private fix the code in Go")
        entered = slack.modal().entered
        assert not slack.calls_of("users.info")
    assert (entered["skill"], entered["language"], entered["words"], entered["private"]) == (
        "fix",
        "go",
        "the code in Go",
        True,
    )


async def test_a_form_with_something_missing_stays_open(office: Office, slack: SlackServer) -> None:
    """What is wrong stands at its field; nothing was asked."""
    async with office.replica():
        await slack.command("/corral", "fill")
        form = slack.modal()
        await slack.submit(code="x = 1")
        assert form.errors == {"code": "Mark the one place that I am to fill with `<FILL_ME>`."}
        await slack.submit(skill="code", code="", words="")
        assert list(form.errors) == ["words"]
        await slack.submit(code=HOLED)
        assert not form.is_open
        await office.settled()
    right(office, "fill", office.answer(slack.bot_messages(GENERAL)[0].ts).body)


async def test_too_long_a_question_is_refused_in_the_form(office: Office, slack: SlackServer) -> None:
    """With the limit, and before the model sees anything of it."""
    office.settings["max_input_chars"] = 5000
    async with office.replica():
        await slack.command("/corral", "explain")
        await slack.submit(files=[slack.add_file("a.txt", "x = 1\n" * 1000)])
        assert "I take up to 5,000" in slack.modal().errors["code"]
    assert slack.bot_messages() == []


async def test_languages_are_suggested_while_they_are_typed(office: Office, slack: SlackServer) -> None:
    """The common ones first."""
    async with office.replica():
        await slack.command("/code")
        offered = [one["text"]["text"] for one in await slack.suggest("language", "")]
        typed = [one["text"]["text"] for one in await slack.suggest("language", "typ")]
    assert offered[:3] == ["Python", "JavaScript", "TypeScript"]
    assert typed[0] == "TypeScript"


async def test_a_form_that_does_not_open_is_told(office: Office, slack: SlackServer) -> None:
    """With the acknowledgement of the command, and beside a message's menu."""
    async with office.replica():
        ts = await slack.say(CODE, user=BOB)
        slack.fail("views.open", "expired_trigger_id", times=2)
        assert "try it again" in (await slack.command("/corral", "explain")).reply["text"]
        await slack.shortcut(FORM_SHORTCUT, message_ts=ts)
        await until("it is told", lambda: len(slack.ephemerals) == 2)
    assert {message.ephemeral_for for message in slack.ephemerals} == {ALICE}


async def test_what_is_sent_in_is_answered_where_we_are_not(office: Office, slack: SlackServer) -> None:
    """In direct messages, as a command is."""
    async with office.replica():
        await slack.command("/corral", "explain", channel=ELSEWHERE)
        await slack.submit(code=CODE)
        await office.settled()
    root, answer = slack.bot_messages(dm_of(ALICE))
    assert answer.thread_ts == root.ts
    right(office, "explain", answer.body)


async def test_an_example_of_the_help_command_is_answered_below_it(office: Office, slack: SlackServer) -> None:
    """At once, as below `@Corral help`, and to who called it alone; pressed twice it is one question."""
    async with office.replica():
        await slack.command("/corral", "help")
        (helped,) = slack.ephemerals
        assert actions(helped) == [f"corral:try:{skill}" for skill in ("code", "explain", "fix", "test")]
        await slack.press(helped.ts, "corral:try:fix")
        await slack.press(helped.ts, "corral:try:fix")
        await until("it is answered", lambda: len(office.model.requests) == 1)
        await office.settled()
        await until("it is told", lambda: len(slack.ephemerals) == 4)
    told = [one.shown for one in slack.ephemerals[1:]]
    assert ANSWER_COMES_PRIVATELY in told
    assert notices.ALREADY_ASKED in told
    (answer,) = [one for one in slack.ephemerals if "corral:again" in actions(one)]
    right(office, "fix", answer.body)
    assert answer.ephemeral_for == ALICE
    assert slack.bot_messages(GENERAL) == []


@pytest.mark.parametrize("skill", CODES)
async def test_a_forms_code_is_exactly_what_was_entered(office: Office, slack: SlackServer, skill: str) -> None:
    """A first line that is a command is no language, words above a fence stay, and so does white space."""
    entered = "make\n./a.out <FILL_ME>\n\n" if skill == "fill" else "make\n./a.out\n"
    async with office.replica():
        await slack.command("/corral", skill)
        await slack.submit(code=entered)
        await office.settled()
    before, _, after = entered.partition("<FILL_ME>")
    if skill == "fill":
        assert prompt(office) == f"<PRE> {before} <SUF>{after} <MID>"
    else:
        assert entered in prompt(office)


async def test_words_around_a_fence_in_the_form_are_not_lost(office: Office, slack: SlackServer) -> None:
    """Above it all is code; below a block that the field begins with they are words."""
    async with office.replica():
        await slack.command("/corral", "explain")
        await slack.submit(code="It crashes in line 3:\n```py\nx\n```")
        await office.settled()
        assert "````\nIt crashes in line 3:\n```py\nx\n```\n````" in office.last_prompt()
        await slack.command("/corral", "explain")
        await slack.submit(code="```py\nx\n```\nIt crashes in line 3")
        await office.settled()
    assert "\n\nIt crashes in line 3\n\n```python\nx\n```" in office.last_prompt()


@pytest.mark.parametrize("skill", ["complete", "fill"])
async def test_whose_words_are_not_used_is_told_so(office: Office, slack: SlackServer, skill: str) -> None:
    """Below the answer: of a form's, and of a message's."""
    told = f"I {skill} the code alone: what was said beside it is not used."
    async with office.replica():
        await slack.command("/corral", skill)
        await slack.submit(code=CODES[skill], words="explain this to me")
        await office.settled()
        ts = await slack.mention(f"{skill} make it fast\n```\n{CODES[skill]}\n```")
        await office.settled()
    assert told in office.answer(slack.bot_messages(GENERAL)[0].ts).notice
    assert told in office.answer(ts).notice


async def test_the_gap_is_explained_where_one_is_filled(office: Office, slack: SlackServer) -> None:
    """And in no other skill's form."""
    async with office.replica():
        for skill in (*CODES, "code"):
            await slack.command("/corral", skill)
            assert ("<FILL_ME>" in slack.modal().inputs["code"]["hint"]["text"]) is (skill == "fill")


async def test_a_form_that_was_sent_in_twice_is_one_question(office: Office, slack: SlackServer) -> None:
    """Who sees no acknowledgement presses again."""
    async with office.replica():
        await slack.command("/corral", "explain")
        form = slack.modal()
        await slack.submit(code=CODE)
        form.is_open = True
        await slack.submit(code=CODE)
        await office.settled()
    assert len(slack.bot_messages(GENERAL)) == 2


async def test_long_code_comes_back_under_the_name_of_its_file(
    office: Office, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the messages that show it."""
    monkeypatch.setattr(SlackReplies, "message_limit", 500)
    async with office.replica():
        ts = await slack.mention("fill", files=[("shop.py", LONG + HOLED)])
        await office.settled()
        (name, *_) = [slack.home.files[file_id].name for one in office.thread(ts) for file_id in one.file_ids]
    assert name.startswith("shop-")
    assert name.endswith(".py")
