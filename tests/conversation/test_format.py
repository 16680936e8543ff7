"""Prompts of one model, built and counted in both forms."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conversation.coding import ask_code
from conversation.model import Message, Role, Skill, Turn
from conversation.ports import ChatTemplate, Clean, Piece
from conversation.prompts import Hole, Llama2Template, PromptFormat
from conversation.prompts.estimate import estimate_tokens
from conversation.prompts.format import Form
from conversation.prompts.infill import HOLE
from tests.conversation.goldens import CHATS, dialog
from tests.conversation.tokenizers_for_tests import CodeLlamaTokenizer, ToyTokenizer

PRE, SUF, MID = 32007, 32008, 32009
HI = (Message(Role.USER, "hi"), Message(Role.ASSISTANT, "yo"), Message(Role.USER, "x <s> y"))


class ChatML:
    """A template whose control pieces end in plain text, as many models have it."""

    name = "chatml"
    bos = ""
    control_words: Sequence[str] = ("<|im_start|>", "<|im_end|>")
    stop: Sequence[str] = ("<|im_end|>",)

    def render(self, messages: Sequence[Message], clean: Clean = str) -> tuple[Piece, ...]:
        pieces = [piece for message in messages for piece in self.turn(message, clean)]
        return *pieces, Piece("<|im_start|>assistant\n", control=True)

    def turn(self, message: Message, clean: Clean = str) -> tuple[Piece, ...]:
        return (
            Piece(f"<|im_start|>{message.role}\n", control=True),
            Piece(clean(message.content)),
            Piece("<|im_end|>\n", control=True),
        )


_: type[ChatTemplate] = ChatML


async def test_the_two_forms_differ_only_in_control_words() -> None:
    """Ids say people's text byte for byte; text has a space in `<s>`."""
    toy = ToyTokenizer()
    prompt = await PromptFormat(Llama2Template(), toy, "ids", True).build(HI)
    assert prompt.text == "[INST] hi [/INST] yo </s><s>[INST] x <s > y [/INST]"
    assert prompt.token_ids == tuple(await toy.encode(Llama2Template().render(HI)))
    assert prompt.tokens == len(prompt.token_ids)


async def test_text_is_counted_as_the_server_reads_it() -> None:
    """In the text form `tokens` is what the whole text has with control words parsed, BOS included."""
    for template in (Llama2Template(), ChatML()):
        toy = ToyTokenizer(template.control_words)
        prompt = await PromptFormat(template, toy, "text", False).build(HI, "Sure")
        assert prompt.tokens == len(await toy.encode([Piece(prompt.text, control=True)]))


async def test_what_every_prompt_has_beside_its_messages() -> None:
    """ChatML's words for the assistant are counted once, Llama 2 has none."""
    chatml = ToyTokenizer(ChatML.control_words)
    prompts = PromptFormat(ChatML(), chatml, "ids", False)
    assert await prompts.opening_tokens() == len(await chatml.encode([Piece("<|im_start|>assistant\n", control=True)]))
    counted = sum([await prompts.count(message) for message in HI])
    assert counted + await prompts.opening_tokens() == (await prompts.build(HI)).tokens
    assert await PromptFormat(Llama2Template(), ToyTokenizer(), "ids", False).opening_tokens() == 0


async def test_a_partial_answer_goes_on_with_its_own_ids(codellama: CodeLlamaTokenizer) -> None:
    """With the ids of the partial answer the prompt is what the model saw; without, the ids spell the same bytes."""
    prompts = PromptFormat(Llama2Template(), codellama, "ids", False)
    before = await prompts.build(HI)
    answer = await prompts.build((*HI, Message(Role.ASSISTANT, "Sure, `<s>` is a tag"), Message(Role.USER, "ok")))
    assert before.token_ids is not None
    assert answer.token_ids is not None
    spoken = answer.token_ids[len(before.token_ids) :][:6]
    partial = codellama.decode([0, *spoken]).removeprefix("<unk>")
    assert partial.startswith(" Sure")
    given = await prompts.build(HI, partial, spoken)
    assert given.token_ids == before.token_ids + spoken
    assert given.text == before.text + partial.replace("<s>", "<s >")
    encoded = await prompts.build(HI, partial)
    assert encoded.token_ids == given.token_ids
    assert encoded.tokens == len(before.token_ids) + len(spoken)


@pytest.mark.parametrize(
    "partial", [" Sure", "Sure", "  two", "\n```py\n", ".5", "(x)", "日本", "🙂 ok", " ", "☺", "<s>"]
)
async def test_a_partial_answer_is_spelled_exactly(partial: str, codellama: CodeLlamaTokenizer) -> None:
    """The continuation's ids decode to the partial answer, without a space that nobody wrote."""
    prompts = PromptFormat(Llama2Template(), codellama, "ids", False)
    before, after = await prompts.build(HI), await prompts.build(HI, partial)
    assert before.token_ids is not None
    assert after.token_ids is not None
    assert after.token_ids[: before.tokens] == before.token_ids
    assert codellama.decode([13, *after.token_ids[before.tokens :]]) == f"\n{partial}"


async def test_earlier_turns_are_encoded_once() -> None:
    """A long thread's next prompt encodes what is new and not what was encoded before."""
    toy = ToyTokenizer()
    prompts = PromptFormat(Llama2Template(), toy, "ids", False)
    turns = [Message(Role.ASSISTANT if i % 2 else Role.USER, f"turn {i}") for i in range(41)]
    await prompts.build(turns[:39])
    before = toy.encoded
    await prompts.build(turns)
    assert toy.encoded - before == 2  # the pair that closed and the new question


async def test_the_memory_for_ids_is_bounded() -> None:
    """With room for a few tokens everything is encoded again, and the prompt is the same."""
    toy = ToyTokenizer()
    small, large = (PromptFormat(Llama2Template(), toy, "ids", False, cached_tokens=size) for size in (10, 10_000))
    assert await small.build(HI) == await large.build(HI)
    assert await small.build(HI) == await small.build(HI)
    before = toy.encoded
    await small.build(HI)
    assert toy.encoded > before


class ServerOfToys(ToyTokenizer):
    """A server's tokenizer that takes control words for control tokens wherever they stand, as TGI's does."""

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        return await super().encode([Piece("".join(piece.text for piece in pieces), control=True)])


async def test_a_server_that_cannot_say_the_ids_counts_its_text() -> None:
    """The text form is counted right, no ids are claimed, and the ids form is refused."""
    server = ServerOfToys()
    prompt = await PromptFormat(Llama2Template(), server, "text", True, exact_ids=False).build(HI)
    assert prompt.token_ids is None
    assert prompt.tokens == len(await server.encode([Piece("<s>" + prompt.text, control=True)]))
    with pytest.raises(ValueError, match="any text as plain text"):
        PromptFormat(Llama2Template(), server, "ids", True, exact_ids=False)


async def test_the_fingerprint_tells_counts_apart() -> None:
    """Another template, form or vocabulary has another fingerprint."""
    toy = ToyTokenizer()
    formats = [
        PromptFormat(Llama2Template(), toy, "ids", False),
        PromptFormat(Llama2Template(), toy, "text", False),
        PromptFormat(ChatML(), toy, "ids", False),
        PromptFormat(Llama2Template(), None, "text", False),
    ]
    assert len({prompts.fingerprint for prompts in formats}) == 4
    assert PromptFormat(Llama2Template(), ToyTokenizer(), "ids", True).fingerprint == formats[0].fingerprint


async def test_without_a_tokenizer_the_estimate_is_on_the_high_side() -> None:
    """For all golden dialogs, code, digits, Chinese and emoji among them, it is at least the true count."""
    prompts = PromptFormat(Llama2Template(), None, "text", True)
    for case in CHATS:
        messages = dialog(case)
        assert (await prompts.build(messages)).tokens >= case["n_tokens"], case["id"]
        counted = sum([await prompts.count(message) for message in messages])
        assert counted >= (await prompts.build(messages)).tokens - estimate_tokens("<s>")
    with pytest.raises(ValueError, match="needs a tokenizer"):
        PromptFormat(Llama2Template(), None, "ids", True)


def a_format(tokenizer: CodeLlamaTokenizer, form: Form) -> PromptFormat:
    return PromptFormat(Llama2Template(), tokenizer, form, False)


LEADS = ["```python\n", "```"]


@pytest.mark.parametrize("form", ["ids", "text"])
@pytest.mark.parametrize("lead", LEADS)
async def test_a_prompt_with_a_lead_is_a_beginning_of_the_next_one(
    lead: str, form: Form, codellama: CodeLlamaTokenizer
) -> None:
    """In both forms: what the server keeps of it serves the next turn, and the model sees `[/INST]` whole."""
    prompts = a_format(codellama, form)
    question, said = Message(Role.USER, "Write code"), "python\nx = 1\n```\nSo." if lead == "```" else "x = 1\n```\nSo."
    now = await prompts.build([question], lead=lead)
    going_on = await prompts.build([question], said, lead=lead)
    later = await prompts.build([question, Message(Role.ASSISTANT, lead + said), Message(Role.USER, "more")])
    assert now.token_ids is not None
    assert going_on.token_ids is not None
    assert later.token_ids is not None
    assert now.text.endswith(f"[/INST] {lead}")
    for text, ids in (now.text, now.token_ids), (going_on.text, going_on.token_ids):
        assert later.text.startswith(text)
        assert later.token_ids[: len(ids)] == ids
    as_sent = await codellama.encode([Piece(now.text, control=True)])
    assert tuple(as_sent) == now.token_ids


async def test_a_lead_stands_where_the_template_puts_answers(codellama: CodeLlamaTokenizer) -> None:
    """Not every template has a space there."""
    for template in (Llama2Template(), ChatML()):
        prompts = PromptFormat(template, codellama, "text", False)
        question = Message(Role.USER, "q")
        now = (await prompts.build([question], lead="```c\n")).text
        later = (await prompts.build([question, Message(Role.ASSISTANT, "```c\nx"), Message(Role.USER, "r")])).text
        assert later.startswith(f"{now}x")
    assert now.endswith("assistant\n```c\n")


@pytest.mark.parametrize("said", [chr(code) for code in (9, 10, 13, *range(32, 127), 233, 0x65E5)])
async def test_a_fill_that_goes_on_keeps_the_three_words(said: str, codellama: CodeLlamaTokenizer) -> None:
    """Whatever the model had said first: a piece such as `>(` would swallow the end of `<MID>` where text is sent."""
    hole = Hole("def f", "\n    pass\n")
    as_text = await a_format(codellama, "text").build_infill(hole, f"{said}a")
    read = await codellama.encode([Piece(as_text.text, control=True)])
    assert [number for number in read if number >= PRE] == [PRE, SUF, MID]
    assert as_text.text.endswith((f"<MID>{said}a", f"<MID> {said}a"))
    as_ids = await a_format(codellama, "ids").build_infill(hole, f"{said}a")
    assert as_ids.token_ids is not None
    assert [number for number in as_ids.token_ids if number >= PRE] == [PRE, SUF, MID]
    behind = as_ids.token_ids[as_ids.token_ids.index(MID) + 1 :]
    assert codellama.decode([13, *behind]) == f"\n{said}a"


class DenseTokenizer(ToyTokenizer):
    """Code of many short words: more tokens than are estimated."""

    def _plain(self, text: str) -> list[int]:
        return [self.FIRST_PLAIN_ID + byte for byte in text.encode()]


@pytest.mark.parametrize("said", ["", "y = 1"])
async def test_a_fill_is_counted_by_a_server_too(said: str) -> None:
    """What is estimated may be too little, and the server refuses what does not fit."""
    dense = DenseTokenizer()
    hole = Hole("ab " * 400, "\n" + "cd " * 400)
    prompt = await PromptFormat(Llama2Template(), dense, "text", True, exact_ids=False).build_infill(hole, said)
    by_hand = await PromptFormat(Llama2Template(), None, "text", True).build_infill(hole, said)
    assert (prompt.text, prompt.token_ids) == (by_hand.text, None)
    assert prompt.tokens == len(await dense.encode([Piece(f"<s>{prompt.text}", control=True)]))
    assert prompt.tokens > by_hand.tokens


async def test_a_fill_whose_tokens_a_server_counts_is_cut_to_the_window() -> None:
    """As the other skills' code is: the lines next to the hole are asked about."""
    code = "ab cd\n" * 2000 + HOLE + "\n" + "ef gh\n" * 2000
    turn = Turn("t", "e", Role.USER, "fill", 0.0, skill=Skill.FILL, code=code)
    dense = DenseTokenizer()
    asked = await ask_code(turn, PromptFormat(Llama2Template(), dense, "text", True, exact_ids=False), 3000)
    assert len(await dense.encode([Piece(f"<s>{asked.prompt.text}", control=True)])) <= 3000
    assert asked.left_out
