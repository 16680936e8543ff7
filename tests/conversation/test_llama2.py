"""Llama 2's chat prompt against Meta's reference, and the models that it is for."""

from __future__ import annotations

from typing import Any

import pytest

from conversation.errors import InvalidDialog, UnsupportedModel
from conversation.model import Message, Role
from conversation.ports import Piece
from conversation.prompts import LLAMA2_CONTROL_WORDS, Llama2Template, PromptFormat, read_dialog, template_for
from tests.conversation.goldens import CHATS, PLAIN_CHATS, REFUSED, UNSAFE_CHATS, dialog, name
from tests.conversation.tokenizers_for_tests import CodeLlamaTokenizer, ToyTokenizer


def test_the_goldens_are_all_here() -> None:
    """40 dialogs, 34 of which are the same as text, and 10 that are refused."""
    assert (len(CHATS), len(PLAIN_CHATS), len(REFUSED)) == (40, 34, 10)


@pytest.mark.parametrize("case", PLAIN_CHATS, ids=name)
async def test_text_equals_the_reference(case: dict[str, Any]) -> None:
    """Text is the reference's, without the first BOS where the server adds it."""
    for server_adds_bos in (True, False):
        prompt = await PromptFormat(Llama2Template(), None, "text", server_adds_bos).build(dialog(case))
        expected = case["expected_prompt_text"]
        assert prompt.text == (expected.removeprefix("<s>") if server_adds_bos else expected)
        assert prompt.token_ids is None


@pytest.mark.parametrize("case", CHATS, ids=name)
async def test_ids_equal_the_reference(case: dict[str, Any], codellama: CodeLlamaTokenizer) -> None:
    """All ids are the reference's, also where people write control words."""
    prompt = await PromptFormat(Llama2Template(), codellama, "ids", False).build(dialog(case))
    assert prompt.token_ids == tuple(case["expected_token_ids"])
    assert prompt.tokens == case["n_tokens"]


@pytest.mark.parametrize("case", UNSAFE_CHATS, ids=name)
async def test_text_holds_no_control_word_of_a_person(case: dict[str, Any]) -> None:
    """A tokenizer that reads control words finds the template's own in the text and no others."""
    toy, messages = ToyTokenizer(), dialog(case)
    prompt = await PromptFormat(Llama2Template(), None, "text", True).build(messages)
    innocent = [Message(message.role, "x") for message in messages]
    expected = await PromptFormat(Llama2Template(), None, "text", True).build(innocent)
    found = toy.control_ids(await toy.encode([Piece(prompt.text, control=True)]))
    wanted = toy.control_ids(await toy.encode([Piece(expected.text, control=True)]))
    assert found == wanted


@pytest.mark.parametrize("case", UNSAFE_CHATS, ids=name)
async def test_text_yields_no_control_id_of_a_person(case: dict[str, Any], codellama: CodeLlamaTokenizer) -> None:
    """Code Llama's own tokenizer finds as many BOS and EOS in the text as there are pairs, and no infill word."""
    messages = dialog(case)
    text_format = PromptFormat(Llama2Template(), codellama, "text", False)
    piece = Piece((await text_format.build(messages)).text, control=True)
    ids = await codellama.encode([piece])
    answers = sum(message.role is Role.ASSISTANT for message in messages)
    assert [number for number in ids if number in {0, 1, 2} or number >= 32007] == [1] + [2, 1] * answers


@pytest.mark.parametrize("case", CHATS, ids=name)
async def test_tokens_of_the_text_form_are_those_of_the_text(
    case: dict[str, Any], codellama: CodeLlamaTokenizer
) -> None:
    """The text form is counted in pieces, and that is what its text as a whole has."""
    prompt = await PromptFormat(Llama2Template(), codellama, "text", False).build(dialog(case))
    piece = Piece(prompt.text, control=True)
    assert prompt.tokens == len(await codellama.encode([piece]))


@pytest.mark.parametrize("case", CHATS, ids=name)
async def test_counted_turns_are_never_fewer_than_the_prompt(
    case: dict[str, Any], codellama: CodeLlamaTokenizer
) -> None:
    """The sum over the messages is the prompt's length; more only beside a system turn and around white space."""
    messages = dialog(case)
    for prompts in (
        PromptFormat(Llama2Template(), codellama, "ids", False),
        PromptFormat(Llama2Template(), codellama, "text", True),
    ):
        counted = sum([await prompts.count(message) for message in messages])
        tokens = (await prompts.build(messages)).tokens
        slack = 10 if messages[0].role is Role.SYSTEM else 0
        spaces = sum(len(message.content) - len(message.content.strip()) for message in messages)
        assert tokens <= counted <= tokens + slack + spaces
        assert await prompts.opening_tokens() == 0


@pytest.mark.parametrize("case", [case for case in CHATS if len(case["messages"]) > 2], ids=name)
async def test_a_prompt_is_the_beginning_of_the_next(case: dict[str, Any], codellama: CodeLlamaTokenizer) -> None:
    """Each question's prompt begins the prompts of the questions after it, as text and as ids."""
    messages = dialog(case)
    prompts = PromptFormat(Llama2Template(), codellama, "ids", False)
    whole = await prompts.build(messages)
    assert whole.token_ids is not None
    for end in range(len(messages) - 2, 0, -2):
        earlier = await prompts.build(messages[:end])
        assert earlier.token_ids == whole.token_ids[: earlier.tokens]
        assert whole.text.startswith(earlier.text)


@pytest.mark.parametrize("case", REFUSED, ids=name)
def test_wrong_dialogs_are_refused(case: dict[str, Any]) -> None:
    """What Meta's code asserts against is refused, and the words say which turn is wrong."""
    with pytest.raises(InvalidDialog, match=r"turn \d|empty|only a system turn"):
        Llama2Template().render(read_dialog(case["messages"]))


def test_a_turn_without_text_is_refused() -> None:
    """Content must be text."""
    with pytest.raises(InvalidDialog, match="turn 1 has no text"):
        read_dialog([{"role": "user", "content": None}])


@pytest.mark.parametrize(
    "model_id",
    [
        "codellama/CodeLlama-7b-Instruct-hf",
        "meta-llama/CodeLlama-34b-Instruct-hf",
        "TheBloke/CodeLlama-13B-Instruct-GGUF",
        "codellama:7b-instruct",
        "/models/codellama-13b-instruct.Q4_K_M.gguf",
        "/data/models--codellama--CodeLlama-7b-Instruct-hf/snapshots/0a1b2c",
        "meta-llama/Llama-2-70b-chat-hf",
    ],
)
def test_llama2_chat_models_have_its_template(model_id: str) -> None:
    """Hub ids, files and folders of Code Llama Instruct and Llama 2 chat are known."""
    template = template_for(model_id)
    assert isinstance(template, Llama2Template)
    assert template.control_words == LLAMA2_CONTROL_WORDS


@pytest.mark.parametrize(
    ("model_id", "remedy"),
    [
        ("codellama/CodeLlama-70b-Instruct-hf", r"CodeLlama-70b-Instruct-hf .*Source: user .* <step>.*34b"),
        ("codellama/CodeLlama-7b-hf", "use CodeLlama-7b-Instruct-hf"),
        ("codellama/CodeLlama-13b-Python-hf", "use CodeLlama-13b-Instruct-hf"),
        ("codellama/CodeLlama-70b-hf", "use CodeLlama-34b-Instruct-hf"),
        ("TheBloke/CodeLlama-34B-GPTQ", "use CodeLlama-34b-Instruct-hf"),
        ("meta-llama/Llama-2-7b-hf", "use Llama-2-7b-chat-hf"),
    ],
)
def test_models_that_do_not_chat_so_are_refused(model_id: str, remedy: str) -> None:
    """70B Instruct, base and Python models are refused by name, with what to use instead."""
    with pytest.raises(UnsupportedModel, match=remedy):
        template_for(model_id)


@pytest.mark.parametrize(
    "model_id",
    [
        "Qwen/Qwen2.5-Coder-0.5B-Instruct",
        "Phind/Phind-CodeLlama-34B-v2",
        "codellama/CodeLlama-7b-my-tune",
        "meta-llama/Llama-3-8B",
    ],
)
def test_unknown_models_have_no_template_here(model_id: str) -> None:
    """Other models bring their own template."""
    assert template_for(model_id) is None
