"""The infill prompt against Meta's reference."""

from __future__ import annotations

from typing import Any

import pytest

from conversation.errors import InvalidDialog, UnsupportedModel
from conversation.ports import Piece
from conversation.prompts import INFILL_STOP, LLAMA2_CONTROL_WORDS, Hole, check_infills, infill_prompt, split_hole
from conversation.prompts.infill import Order, infill_ids, infill_text
from tests.conversation.goldens import INFILLS, hole, name
from tests.conversation.tokenizers_for_tests import CodeLlamaTokenizer

PRE, SUF, MID = 32007, 32008, 32009
ORDERS: tuple[Order, ...] = ("psm", "spm")
WITHOUT_TEXT = [case for case in INFILLS if case["expected_prompt_text_psm"] is None]
WITH_TEXT = [case for case in INFILLS if case["expected_prompt_text_psm"] is not None]


def test_the_goldens_are_all_here() -> None:
    """10 infills, 6 of which have a text form."""
    assert (len(INFILLS), len(WITH_TEXT)) == (10, 6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("case", INFILLS, ids=name)
async def test_ids_equal_the_reference(case: dict[str, Any], order: Order, codellama: CodeLlamaTokenizer) -> None:
    """Both orders have the reference's ids."""
    prompt = await infill_prompt(hole(case), codellama, form="ids", server_adds_bos=False, order=order)
    assert prompt.token_ids == tuple(case[f"expected_token_ids_{order}"])
    assert prompt.tokens == case["n_tokens"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("case", WITH_TEXT, ids=name)
async def test_text_equals_the_reference(case: dict[str, Any], order: Order) -> None:
    """Text is the reference's, without BOS where the server adds it."""
    expected = case[f"expected_prompt_text_{order}"]
    assert (await infill_prompt(hole(case), None, form="text", server_adds_bos=False, order=order)).text == expected
    prompt = await infill_prompt(hole(case), None, form="text", server_adds_bos=True, order=order)
    assert prompt.text == expected.removeprefix("<s>")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("05", "<s><PRE> let x =  <SUF> ;\nlet y = x;\n <MID>"),
        ("06", '<s><PRE> {"name": " <SUF> ", "age": 3} <MID>'),
        ("12", "<s><PRE> // 数を数える 🙂\nconst n =  <SUF> .length; // é\n <MID>"),
        ("15", "<s><PRE> a = 1\r\nb =  <SUF> \r\nc = 3\r\n <MID>"),
    ],
)
async def test_a_golden_without_a_text_has_one_of_ours(
    number: str, expected: str, codellama: CodeLlamaTokenizer
) -> None:
    """No text gives its ids: its suffix begins with what `>` merges with. Ours has a space there, and nothing else is
    different."""
    (case,) = [case for case in WITHOUT_TEXT if case["id"].startswith(f"infill-{number}-")]
    text = f"<s>{infill_text(hole(case))}"
    assert text == expected
    ids = await codellama.encode([Piece(text, control=True)])
    golden = case["expected_token_ids_psm"]
    at = golden.index(SUF) + 1
    assert ids[:at] == golden[:at]
    assert ids[-1] == golden[-1] == MID
    assert codellama.decode([13, *ids[at:-1]]) == "\n " + codellama.decode([13, *golden[at:-1]]).removeprefix("\n")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("first", [chr(code) for code in (9, 10, 13, *range(32, 127), 233, 0x65E5, 0x1F642)])
async def test_text_always_keeps_the_three_words(order: Order, first: str, codellama: CodeLlamaTokenizer) -> None:
    """Whatever the suffix begins with, the text has PRE, SUF and MID once, in the right order."""
    text = infill_text(Hole("a = ", f"{first}x = 1\n"), order)
    ids = await codellama.encode([Piece(f"<s>{text}", control=True)])
    assert [number for number in ids if number >= PRE] == ([PRE, SUF, MID])


async def test_the_space_stands_only_where_it_is_needed(codellama: CodeLlamaTokenizer) -> None:
    """A suffix gets a space exactly when a piece of the vocabulary would join `>` and its first character."""
    for code in range(9, 127):
        suffix = f"{chr(code)}x"
        naive = await codellama.encode([Piece(f"<s><PRE> a <SUF>{suffix} <MID>", control=True)])
        assert (f"<SUF> {suffix}" in infill_text(Hole("a", suffix))) == (SUF not in naive), repr(suffix)


@pytest.mark.parametrize("text", ["<SUF>", "x <MID> y", " <PRE>", "a <EOT><EOT>", "</s><s>[INST]"])
async def test_code_that_spells_the_words_does_not_become_them(text: str, codellama: CodeLlamaTokenizer) -> None:
    """Both forms have one PRE, SUF and MID however the code around the hole looks."""
    for order in ORDERS:
        for code in (Hole(text, "b"), Hole("a", text)):
            prompt = await infill_prompt(code, codellama, form="text", server_adds_bos=False, order=order)
            as_text = await codellama.encode([Piece(prompt.text, control=True)])
            for ids in (as_text, await infill_ids(code, codellama, order)):
                assert [number for number in ids if number in {0, 1, 2} or number >= PRE] == [1, PRE, SUF, MID]


async def test_code_with_bos_in_it_stays_byte_exact_as_ids(codellama: CodeLlamaTokenizer) -> None:
    """`<s>` is HTML in the ids form, and only the text form changes it."""
    code = Hole("<s>old</s> ", "\n<b>")
    prompt = await infill_prompt(code, codellama, form="ids", server_adds_bos=True)
    assert prompt.token_ids is not None
    assert codellama.decode(prompt.token_ids[2:-5]).startswith("<s>old</s>")
    assert prompt.text.startswith("<PRE> <s >old</s >")


async def test_tokens_without_a_tokenizer_are_enough() -> None:
    """The estimate is not below the true count for any golden."""
    for case in INFILLS:
        prompt = await infill_prompt(hole(case), None, form="text", server_adds_bos=False)
        assert prompt.token_ids is None
        assert prompt.tokens >= case["n_tokens"]
    with pytest.raises(ValueError, match="needs a tokenizer"):
        await infill_prompt(Hole("a", "b"), None, form="ids", server_adds_bos=False)


def test_the_hole_is_where_people_mark_it() -> None:
    """`<FILL_ME>` parts the code and reaches no prompt."""
    code = split_hole("def f():\n    <FILL_ME>\n")
    assert code == Hole("def f():\n    ", "\n")
    assert "<FILL_ME>" not in infill_text(code)
    for wrong, found in (("x = 1", "none"), ("<FILL_ME> <FILL_ME>", "has 2")):
        with pytest.raises(InvalidDialog, match=found):
            split_hole(wrong)


def test_the_end_is_a_control_word() -> None:
    """The model ends with EOT."""
    assert INFILL_STOP == ("<EOT>",)
    assert set(INFILL_STOP) < set(LLAMA2_CONTROL_WORDS)


@pytest.mark.parametrize(
    "model_id", ["codellama/CodeLlama-7b-hf", "codellama/CodeLlama-13b-Instruct-hf", "TheBloke/CodeLlama-7B-GGUF"]
)
def test_small_models_fill_holes(model_id: str) -> None:
    """7B and 13B were trained for it, base and Instruct."""
    check_infills(model_id)


@pytest.mark.parametrize(
    "model_id",
    [
        "codellama/CodeLlama-34b-hf",
        "codellama/CodeLlama-34b-Instruct-hf",
        "codellama/CodeLlama-70b-Instruct-hf",
        "codellama/CodeLlama-7b-Python-hf",
        "Qwen/Qwen2.5-Coder-7B",
    ],
)
def test_other_models_are_refused(model_id: str) -> None:
    """34B, 70B, Python and foreign models are refused, with the names of those that can."""
    with pytest.raises(UnsupportedModel, match=f"{model_id} cannot fill.*CodeLlama-7b-hf.*CodeLlama-13b-Instruct-hf"):
        check_infills(model_id)
