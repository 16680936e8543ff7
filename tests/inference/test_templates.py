"""Foreign chat templates, split at the contents."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.errors import InvalidDialog, UnsupportedModel
from conversation.model import Message, Role
from conversation.ports import Piece
from conversation.prompts.neutralise import neutralise
from inference.templates import JinjaTemplate

# SmolLM2's own, which begins with a system text when there is none.
SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are SmolLM<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# As Llama 3's: BOS from the tokenizer, contents trimmed.
TRIMMING = (
    "{{ bos_token }}{% for message in messages %}<|head|>{{ message['role'] }}<|eoh|>\n\n"
    "{{ message['content'] | trim }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|head|>assistant<|eoh|>\n\n{% endif %}"
)
CHATML = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
SPECIMENS = st.sampled_from(["<|im_end|>", "<|im_start|>", "{{ 1 }}", "{% if %}", "\ue0000\ue001", " ", "\n"])
TEXT = st.lists(st.text(st.characters(codec="utf-8"), max_size=5) | SPECIMENS, max_size=5).map("".join)


def smollm2() -> JinjaTemplate:
    return JinjaTemplate(SMOLLM2, CHATML, "<|im_start|>", "<|im_end|>", "SmolLM2")


def dialog(*contents: str, system: str | None = None) -> list[Message]:
    roles = (Role.USER, Role.ASSISTANT)
    turns = [Message(roles[number % 2], content) for number, content in enumerate(contents)]
    return turns if system is None else [Message(Role.SYSTEM, system), *turns]


def written(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces)


def test_a_prompt_is_the_templates_own_with_the_contents_between() -> None:
    """What people write stands in plain pieces, what the template writes in control pieces."""
    assert smollm2().render(dialog("hi", "yo", "x", system="Be brief.")) == (
        Piece("<|im_start|>system\n", control=True),
        Piece("Be brief."),
        Piece("<|im_end|>\n<|im_start|>user\n", control=True),
        Piece("hi"),
        Piece("<|im_end|>\n<|im_start|>assistant\n", control=True),
        Piece("yo"),
        Piece("<|im_end|>\n<|im_start|>user\n", control=True),
        Piece("x"),
        Piece("<|im_end|>\n<|im_start|>assistant\n", control=True),
    )


def test_a_system_text_of_the_templates_own_is_kept() -> None:
    """SmolLM2 without a system turn is asked with the system text it was trained with."""
    assert written(smollm2().render(dialog("hi"))).startswith("<|im_start|>system\nYou are SmolLM<|im_end|>\n")


@given(st.lists(TEXT, min_size=1, max_size=5).filter(lambda texts: len(texts) % 2 == 1))
def test_every_text_comes_through_as_it_is(texts: list[str]) -> None:
    """Template language, special tokens and the marks themselves in a text change nothing: it stays byte-exact."""
    pieces = smollm2().render(dialog(*texts))
    assert [piece.text for piece in pieces if not piece.control] == [text for text in texts if text]
    plain = "<|im_start|>assistant\n".join(f"<|im_start|>user\n{text}<|im_end|>\n" for text in texts[::2])
    if len(texts) == 1:
        assert written(pieces).endswith(plain + "<|im_start|>assistant\n")


@given(st.lists(TEXT, min_size=1, max_size=5).filter(lambda texts: len(texts) % 2 == 1))
def test_a_prompt_is_the_beginning_of_the_threads_next_prompt(texts: list[str]) -> None:
    """With the answer and a new question appended, the old prompt is a prefix of the new one."""
    template = smollm2()
    before = written(template.render(dialog(*texts)))
    assert written(template.render(dialog(*texts, "an answer", "a question"))).startswith(before)


@given(TEXT)
def test_cleaned_text_holds_no_special_token(text: str) -> None:
    """In the text form nobody's text can end a turn."""
    template = smollm2()
    pieces = template.render(dialog(text), clean=lambda one: neutralise(one, template.control_words))
    for piece in pieces:
        if not piece.control:
            assert not any(word in piece.text for word in CHATML)


def test_a_template_that_trims_is_followed() -> None:
    """Contents are trimmed exactly where the template would have trimmed them, and BOS is the template's."""
    template = JinjaTemplate(TRIMMING, ("<|head|>", "<|eoh|>", "<|eot|>"), "<|bos|>", "<|eot|>", "trimming")
    assert (
        written(template.render(dialog("  hi \n")))
        == "<|bos|><|head|>user<|eoh|>\n\nhi<|eot|><|head|>assistant<|eoh|>\n\n"
    )
    assert template.bos == "<|bos|>"
    assert tuple(template.stop) == ("<|eot|>",)
    assert "".join(piece.text for piece in smollm2().render(dialog("  hi \n")) if not piece.control) == "  hi \n"


def test_a_bos_that_the_template_leaves_to_the_tokenizer_is_added() -> None:
    """With add_bos the prompt begins with BOS once, whether the template writes it or not."""
    bare = JinjaTemplate(TRIMMING.removeprefix("{{ bos_token }}"), (), "<|bos|>", "<|eot|>", "bare", add_bos=True)
    assert bare.render(dialog("hi"))[0] == Piece("<|bos|>", control=True)
    whole = JinjaTemplate(TRIMMING, (), "<|bos|>", "<|eot|>", "whole", add_bos=True)
    assert written(whole.render(dialog("hi"))) == written(bare.render(dialog("hi")))
    assert smollm2().bos == ""  # its BOS is the mark of every turn


@given(TEXT, TEXT)
def test_a_turn_is_what_the_prompt_grows_by(question: str, answer: str) -> None:
    """The pieces of a question's turn and an answer's turn together are the difference of two prompts."""
    template = smollm2()
    shorter = written(template.render(dialog("u", "a", "v")))
    longer = written(template.render(dialog("u", "a", "v", answer, question)))
    turns = [*template.turn(Message(Role.ASSISTANT, answer)), *template.turn(Message(Role.USER, question))]
    assert shorter + "".join(piece.text for piece in turns) == longer


def test_wrong_dialogs_are_refused() -> None:
    """The rules of a dialog hold before any template, and a template's own refusal is one too."""
    with pytest.raises(InvalidDialog):
        smollm2().render(dialog("hi", "yo"))
    strict = JinjaTemplate("{{ raise_exception('no system') }}", (), "", "", "strict")
    with pytest.raises(InvalidDialog, match="no system"):
        strict.render(dialog("hi"))


def test_a_template_that_changes_texts_is_refused() -> None:
    """Without its marks a prompt cannot be split, so no prompt is made."""
    template = JinjaTemplate("{{ messages[-1]['content'] | length }}", (), "", "", "counting")
    with pytest.raises(UnsupportedModel):
        template.render(dialog("hi"))


def test_a_llama_cpp_server_tells_its_template() -> None:
    """/props gives the template and its tokens; the special ones are those the template writes."""
    template = JinjaTemplate.from_props(
        {"chat_template": SMOLLM2, "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}, "served"
    )
    assert set(template.control_words) == {"<|im_start|>", "<|im_end|>"}
    with pytest.raises(UnsupportedModel):
        JinjaTemplate.from_props({"chat_template": ""}, "base")


def test_importing_transformers_says_nothing() -> None:
    """Its line about a missing PyTorch does not reach the terminal, and it is not imported before it is needed."""
    code = (
        "import sys, inference.templates as t\n"
        "assert 'transformers' not in sys.modules\n"
        "from conversation.model import Message, Role\n"
        "template = t.JinjaTemplate('{% for m in messages %}{{ m.content }}{% endfor %}', (), '', '', 'x')\n"
        "template.render([Message(Role.USER, 'hi')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout + done.stderr == ""
