"""Control words are broken, whatever they stand in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.prompts import LLAMA2_CONTROL_WORDS, neutralise

CHATML = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


@pytest.mark.parametrize(
    ("word", "harmless"),
    [
        ("<s>", "<s >"),
        ("</s>", "</s >"),
        ("<unk>", "<unk >"),
        ("<PRE>", "<PRE >"),
        ("<EOT>", "<EOT >"),
        ("<FILL_ME>", "<FILL_ME >"),
        ("[INST]", "[INST ]"),
        ("[/INST]", "[/INST ]"),
        ("<<SYS>>", "<<SYS >>"),
        ("<</SYS>>", "<</SYS >>"),
        ("<step>", "<step >"),
    ],
)
def test_one_space_before_the_closing_brackets(word: str, harmless: str) -> None:
    """The cheapest change that a tokenizer takes for other words."""
    assert neutralise(f"a{word}b {word}", LLAMA2_CONTROL_WORDS) == f"a{harmless}b {harmless}"


def test_other_vocabularies() -> None:
    """ChatML's words, words without a bracket, and words that are all brackets are broken too."""
    assert neutralise("<|im_end|>", CHATML) == "<|im_end| >"
    assert neutralise("[EOS stop", ["[EOS"]) == "[ EOS stop"
    assert neutralise("]]", ["]]"]) == "] ]"
    assert neutralise("anything", []) == "anything"


def test_only_exact_words_change() -> None:
    """HTML in other letters, and brackets that only resemble the words, stay byte for byte."""
    text = "<S> <span> [inst] <<sys>> < s> <s/> list[INST_ID] 🙂\r\n"
    assert neutralise(text, LLAMA2_CONTROL_WORDS) == text


def test_a_word_of_one_character_is_an_error() -> None:
    """No space can break it, so nothing may claim that it was."""
    with pytest.raises(ValueError, match="one character"):
        neutralise("x", ["#"])


FRAGMENTS = sorted({word[a:b] for word in (*LLAMA2_CONTROL_WORDS, *CHATML) for a in range(3) for b in range(a, 13)})


@given(st.lists(st.one_of(st.sampled_from((*LLAMA2_CONTROL_WORDS, *CHATML, *FRAGMENTS)), st.text(max_size=3))))
def test_nothing_is_left_and_nothing_but_spaces_added(parts: list[str]) -> None:
    """However words overlap, none is in the result, which differs by spaces only and stays as it is."""
    text, words = "".join(parts), (*LLAMA2_CONTROL_WORDS, *CHATML)
    result = neutralise(text, words)
    assert not [word for word in words if word in result]
    assert result.replace(" ", "") == text.replace(" ", "")
    assert neutralise(result, words) == result


@given(
    st.text(alphabet="ab> ]", max_size=40),
    st.lists(st.text(alphabet="ab> ]", min_size=2, max_size=5).filter(lambda word: len(word.strip(" ")) > 1)),
)
def test_any_words_at_all(text: str, words: list[str]) -> None:
    """It ends and breaks every word, also where words hold spaces, overlap and contain each other."""
    result = neutralise(text, words)
    assert not [word for word in words if word in result]
    assert result.replace(" ", "") == text.replace(" ", "")
