"""Skills: the same path, another question to the model, another look of its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

import pytest
from markdown_it import MarkdownIt

from conversation import notices
from conversation.errors import StreamCut
from conversation.language_model import LanguageModel
from conversation.model import Action, Ending, InboundMessage, Role, Skill
from conversation.ports import Chunk, FinishReason, Prompt, Sampling
from conversation.reception import Heard
from conversation.skills import CodeFile, Language, Wish, ask_for
from tests.fakes import ScriptedModel
from tests.story.conftest import Town

PYTHON = Language("Python", "python")
HOLE = CodeFile("def area(r):\n    <FILL_ME>\n    return a\n", "", PYTHON)
OPEN = CodeFile("import os\n\ndef area(r", "", PYTHON)
REST = "):\n    return 3 * r * r\n"


@dataclass
class Coder(ScriptedModel):
    """Says the pieces of `rest` after raw code, of `hole` after `<MID>`, else what ScriptedModel says."""

    rest: str = REST
    hole: str = "a = 3 * r * r"
    name: str = "codellama/CodeLlama-13b-Instruct-hf"
    fills: bool = True
    sampled: list[Sampling] = field(default_factory=list)
    said: int = 0  # characters after code
    holds: dict[int, asyncio.Event] = field(default_factory=dict)

    def holds_after(self, characters: int) -> asyncio.Event:
        """Is reached when so many more characters were said after code; then nothing more is said."""
        reached = self.holds[self.said + characters] = asyncio.Event()
        return reached

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        self.sampled.append(sampling)
        if "[INST]" in prompt.text:
            async for chunk in super().stream(prompt, sampling):
                yield chunk
            return
        self.prompts.append(prompt.text)
        before, mid, said = prompt.text.partition(" <MID>")
        whole = self.hole if mid else self.rest
        before_said = said if mid else whole[: next(n for n in range(len(whole), -1, -1) if before.endswith(whole[:n]))]
        cut = self.cuts.popleft() if self.cuts else None
        for count, character in enumerate(whole[len(before_said) :]):
            if cut is not None and count == cut[0]:
                raise cut[1]
            if count == sampling.max_new_tokens:
                yield Chunk("", tokens=0, finish=FinishReason.LENGTH)
                return
            self.said += 1
            yield Chunk(character)
            if (held := self.holds.get(self.said)) is not None:
                held.set()
                await asyncio.Event().wait()
        yield Chunk("", tokens=0, finish=FinishReason.STOP)

    async def ready(self) -> LanguageModel:
        model = await super().ready()
        return replace(model, card=replace(model.card, model_id=self.name), fills=self.fills)


@pytest.fixture
def coder(town: Town) -> Coder:
    """A model that can do all of it."""
    town.model = coder = Coder()
    return coder


async def done(town: Town, wish: Wish) -> str:
    accepted = await town.wish(wish)
    await town.settled(accepted.conversation_id)
    return accepted.conversation_id


async def test_a_snippet_is_one_block_first(town: Town, coder: Coder) -> None:
    """The model goes on from the opening of a block, so that its answer begins with code whatever it is like."""
    coder.answer = lambda _: "print(1)\n```\nIt prints."
    async with town.worker():
        await done(town, Wish(Skill.CODE, "print one", PYTHON))
    assert coder.prompts[0].endswith("print one [/INST] ```python\n")
    assert town.last.text == "```python\n print(1)\n```\nIt prints."


async def test_follow_ups_know_the_snippet(town: Town, coder: Coder) -> None:
    """ "Now with types" in the thread is an ordinary question that sees the snippet, its opening included."""
    coder.answer = lambda question: "print(1)\n```" if "Write" in question else "typed"
    async with town.worker():
        conversation = await done(town, Wish(Skill.CODE, "print one", PYTHON))
        shown = town.last.text
        await town.ask("now with types")
        await town.settled(conversation)
    assert f"[/INST] {shown.strip()} </s><s>[INST] now with types [/INST]" in coder.prompts[-1]
    assert town.last.text.strip() == "typed"


async def test_code_goes_on(town: Town, coder: Coder) -> None:
    """The model sees nothing but the code; people see a block of whole lines."""
    async with town.worker():
        conversation = await done(town, Wish(Skill.COMPLETE, files=(OPEN,)))
    assert coder.prompts == [OPEN.text]
    assert (coder.sampled[0].temperature, coder.sampled[0].top_p) == (0.2, 0.9)
    assert town.last.text == f"````python\ndef area(r{REST}````"
    ((_, asked), (_, answered)) = await town.turns(conversation)
    assert OPEN.text in asked
    assert answered == town.last.text


async def test_a_completion_goes_on_in_portions(town: Town, coder: Coder) -> None:
    """Continue goes on with the code where the portion ended, and what is stored is one answer."""
    town.manners = replace(town.manners, sampling=Sampling(max_new_tokens=10))
    async with town.worker():
        accepted = await town.wish(Wish(Skill.COMPLETE, files=(OPEN,)))
        await town.settled(accepted.conversation_id)
        assert Action.CONTINUE in {offer.action for offer in town.last.offers}
        while Action.CONTINUE in {offer.action for offer in town.last.offers}:
            below = list(town.platform.messages)[-1]
            assert await town.press(Action.CONTINUE, accepted.job_id, message_id=below) == ""
            await town.settled(accepted.conversation_id)
    assert coder.prompts == [OPEN.text + REST[:said] for said in range(0, len(REST), 10)]
    thread = await town.threads.open(accepted.conversation_id, "")
    (answer,) = [turn for turn in thread.turns if turn.role is Role.ASSISTANT]
    assert answer.said == REST
    assert answer.text == f"````python\ndef area(r{REST}````"
    assert answer.ending is Ending.COMPLETE


async def test_a_hole_is_filled(town: Town, coder: Coder) -> None:
    """The model is asked with its four words; people see the whole code, which lines are new, and the change."""
    async with town.worker():
        await done(town, Wish(Skill.FILL, files=(HOLE,)))
    assert coder.prompts == ["<PRE> def area(r):\n     <SUF>\n    return a\n <MID>"]
    assert (coder.sampled[0].temperature, coder.sampled[0].stop) == (0.0, ("<EOT>",))
    code, _, rest = town.last.text.partition("\n\n")
    assert code == "````python\ndef area(r):\n    a = 3 * r * r\n    return a\n````"
    assert rest.startswith("Line 2 is what I filled in:\n\n````diff\n")


@pytest.mark.parametrize("wish", [Wish(Skill.FILL, files=(HOLE,)), Wish(Skill.COMPLETE, files=(OPEN,))])
async def test_a_stream_that_breaks_is_gone_on_with(town: Town, coder: Coder, wish: Wish) -> None:
    """The prompt has what was said already, and the answer is whole."""
    coder.cuts.append((5, StreamCut("gone")))
    async with town.worker():
        await done(town, wish)
    whole = coder.hole if wish.skill is Skill.FILL else coder.rest
    assert coder.prompts[1] == coder.prompts[0] + whole[:5]
    assert whole in town.last.text


async def test_regenerate_asks_the_same_again(town: Town, coder: Coder) -> None:
    """The code is stored with the question, so the same prompt is sent."""
    async with town.worker():
        accepted = await town.wish(Wish(Skill.FILL, files=(HOLE,)))
        await town.settled(accepted.conversation_id)
        before, coder.hole = town.last.text, "a = 4"
        await town.press(Action.AGAIN, accepted.job_id)
        await town.settled(accepted.conversation_id)
    assert coder.prompts[0] == coder.prompts[1]
    assert town.last.text == before.replace("a = 3 * r * r", "a = 4")
    assert len(town.platform.messages) == 1


async def test_a_completion_that_begins_with_a_fence_is_none(town: Town, coder: Coder) -> None:
    """As far as the model is concerned the code has ended: nothing of its talk is shown as code, and it is stopped."""
    coder.rest = "```\nSure, here it is." + " x" * 1000
    async with town.worker():
        await done(town, Wish(Skill.COMPLETE, files=(CodeFile("x = 1\n", "", PYTHON),)))
    assert (town.last.text, town.last.notice) == ("", notices.NOTHING_SAID)
    assert coder.said == 4


async def test_a_fence_in_what_is_filled_ends_no_block(town: Town, coder: Coder) -> None:
    """What can be copied is the whole code, docstring included."""
    coder.hole = '"""Say:\n    ```\n    x\n    ```\n    """\n    a = 4'
    async with town.worker():
        await done(town, Wish(Skill.FILL, files=(HOLE,)))
    whole, change = [token for token in MarkdownIt().parse(town.last.text) if token.type == "fence"]
    assert whole.content == HOLE.text.replace("<FILL_ME>", coder.hole)
    assert change.info == "diff"


async def edit(town: Town, asked: InboundMessage, wish: Wish) -> None:
    """The message asks this now; then Regenerate is pressed below the remark about it."""
    edited = ask_for(wish).into(replace(asked, edited_at=time.time()))
    assert await town.reception.edited(Heard(edited, mentioned=True), f"{asked.message_id}/edit") is not None
    conversation = await town.inbox.conversation(asked.address)
    assert conversation is not None
    await town.settled(conversation)
    assert town.last.notice == notices.YOU_EDITED
    (again,) = town.last.offers
    await town.press(again.action, again.target, message_id=list(town.platform.messages)[-1])
    await town.settled(conversation)


@pytest.mark.parametrize(
    ("wish", "prompt"),
    [
        (
            Wish(Skill.FILL, files=(CodeFile("def f(r):\n    <FILL_ME>\n    return v\n"),)),
            "f(r):\n     <SUF>\n    return v\n",
        ),
        (
            Wish(Skill.FILL, files=(CodeFile("def area(r):\n<FILL_ME>\n    return a\n"),)),
            "area(r):\n <SUF>\n    return a\n",
        ),
        (Wish(Skill.FILL, files=(replace(HOLE, text=HOLE.text.rstrip()),)), "\n    return a <MID>"),
        (Wish(Skill.COMPLETE, files=(CodeFile("x = "),)), "x = "),
        (Wish(Skill.EXPLAIN, files=(CodeFile("x = 1"),)), "Explain what this code does"),
        (Wish(Skill.FILL, files=(replace(HOLE, language=Language("C", "c")),)), "def area(r):\n     <SUF>"),
    ],
    ids=["code", "white space beside the hole", "the last line end", "skill", "skill in words", "language"],
)
async def test_an_edited_question_is_answered_as_it_is_now(town: Town, coder: Coder, wish: Wish, prompt: str) -> None:
    """Whatever of it was edited: its code, its skill or its language."""
    asked = ask_for(Wish(Skill.FILL, files=(HOLE,))).into(town.message("", key="q"))
    async with town.worker():
        await town.settled((await town.inbox.accept(asked)).conversation_id)
        await edit(town, asked, wish)
        assert len(coder.prompts) == 2
        (turn,) = [turn for turn in await town.threads.turns(await conversation_of(town)) if turn.role is Role.USER]
    assert prompt in coder.prompts[-1]
    question = ask_for(wish)
    assert (turn.text, turn.skill, turn.language, turn.code) == (
        question.text,
        question.skill,
        question.language,
        question.code,
    )


async def conversation_of(town: Town) -> str:
    """The conversation at the usual place."""
    found = await town.inbox.conversation(town.message("").address)
    assert found is not None
    return found


async def test_a_model_that_cannot_fill_says_which_can(town: Town, coder: Coder) -> None:
    """34B was not trained for it; nothing is asked of it."""
    coder.name, coder.fills = "codellama/CodeLlama-34b-Instruct-hf", False
    async with town.worker():
        await done(town, Wish(Skill.FILL, files=(HOLE,)))
    assert coder.prompts == []
    assert "CodeLlama-13b-Instruct-hf" in town.last.notice


async def test_a_second_model_fills(town: Town, coder: Coder) -> None:
    """Holes go to the model that can fill them, all else to the first."""
    coder.name, coder.fills = "codellama/CodeLlama-34b-Instruct-hf", False
    town.infiller = second = Coder(name="codellama/CodeLlama-13b-hf")
    async with town.worker():
        conversation = await done(town, Wish(Skill.FILL, files=(HOLE,)))
        await town.ask("why?")
        await town.settled(conversation)
    assert [len(second.prompts), len(coder.prompts)] == [1, 1]
    assert "FILL_ME" not in coder.prompts[0]


async def test_too_much_code_is_cut_at_its_far_end(town: Town, coder: Coder) -> None:
    """What stands nearest to the place stays, and the person is told how many lines do not, and where."""
    coder.context_tokens = 512
    lines = "".join(f"a{number} = 1\n" for number in range(200))
    async with town.worker():
        await done(town, Wish(Skill.FILL, files=(CodeFile(f"{lines}<FILL_ME>\n{lines}"),)))
        assert "a199 = 1\n <SUF>\na0 = 1\n" in coder.prompts[0]
        assert "a0 = 1\na1 " not in coder.prompts[0].partition("<SUF>")[0]
        left_out = 401 - coder.prompts[0].count("\n")
        assert town.last.notice == (
            f"Your code was too long for the model: {left_out} lines far from the gap were left out."
        )
        assert town.last.text.count("a17 = 1") == 2
        await done(town, Wish(Skill.COMPLETE, files=(CodeFile(lines),)))
    assert coder.prompts[1].endswith("a199 = 1\n")
    assert lines.endswith(coder.prompts[1])
    left_out = 200 - coder.prompts[1].count("\n")
    assert town.last.notice == f"Your code was too long for the model: its first {left_out} lines were left out."


async def test_a_long_line_is_cut_and_that_is_told(town: Town, coder: Coder) -> None:
    """Where no line fits whole, in characters: nothing is left out in silence."""
    coder.context_tokens = 512
    line = "1, " * 1400
    async with town.worker():
        await done(town, Wish(Skill.COMPLETE, files=(CodeFile(f"a = [{line}"),)))
        left_out = len(f"a = [{line}") - len(coder.prompts[0])
        assert left_out > 3000
        assert town.last.notice == (
            f"Your code was too long for the model: its first {left_out:,} characters were left out."
        )
        await done(town, Wish(Skill.FILL, files=(CodeFile(f"a = [{line}<FILL_ME>{line}]"),)))
    kept = len(coder.prompts[1]) - len("<PRE>  <SUF> <MID>")
    assert town.last.notice == (
        f"Your code was too long for the model: {2 * len(line) + 6 - kept:,} characters far from the gap were left out."
    )


async def test_what_was_left_out_is_told_above_remarks(town: Town, coder: Coder) -> None:
    """There may be many of those, and platforms bound a notice; so it is with what a person is told the first time."""
    coder.context_tokens = 512
    town.manners = replace(town.manners, introduction=notices.INTRODUCTION)
    asked = ask_for(Wish(Skill.COMPLETE, files=(CodeFile("a = 1\n" * 800),))).into(town.message(""))
    async with town.worker():
        accepted = await town.inbox.accept(replace(asked, remarks="a.png was not read."))
        await town.settled(accepted.conversation_id)
    first, *rest = town.last.notice.split("\n")
    assert first.endswith("lines were left out.")
    assert rest == [notices.INTRODUCTION, "a.png was not read."]
