"""Which turns of a thread the model sees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conversation.budget import Cost, Cut, LeftOut, Window, clip, count_key, fit_dialog, merge_turns, plan_cut
from conversation.errors import InvalidDialog, PromptTooLong
from conversation.model import Ending, Message, Role
from conversation.prompts import Llama2Template, PromptFormat
from tests.conversation.goldens import PLAIN_CHATS, dialog, name
from tests.conversation.threads_for_tests import bot, fit_toy, thread, toy_format, user, words
from tests.conversation.tokenizers_for_tests import CodeLlamaTokenizer, ToyTokenizer

# --- turns to exchanges


def test_neighbouring_messages_of_one_person_are_paragraphs() -> None:
    """Two messages before an answer are one question."""
    (exchange,) = merge_turns([user("first", 1), user("", 2), user(" second\n", 2), bot(" an answer ", 3)])
    assert (exchange.user, exchange.assistant) == ("first\n\nsecond", " an answer ")
    assert (exchange.seq, exchange.last_seq) == (1, 3)


def test_neighbouring_messages_of_several_people_have_names() -> None:
    """The model can tell who said what; a name is one line and never empty."""
    (exchange,) = merge_turns([user("a", 1), user("b", 2, author="Bob\nthe  second"), user("c", 3, author="")])
    assert exchange.user == "Ann: a\nBob the second: b\nSomebody: c"
    assert exchange.assistant is None


def test_what_has_no_place_in_an_alternating_dialog_vanishes() -> None:
    """Empty and removed answers, system turns and answers without their question are left out."""
    turns = [
        bot("to a deleted question", 1, exchange="gone"),
        replace(user("system", 2), role=Role.SYSTEM),
        user("q1", 3, exchange="one"),
        bot("  ", 4, exchange="one", ending=Ending.FAILED),
        bot("of another question", 5, exchange="deleted"),
        user("q2", 7, exchange="two"),
        bot("was removed", 8, exchange="two", ending=Ending.REMOVED),
        bot("a2", 9, exchange="two"),
        bot("more", 10, exchange="two"),
        bot("stray", 11, exchange="deleted too"),
        user("q3", 12, exchange="three"),
    ]
    assert [(exchange.user, exchange.assistant) for exchange in merge_turns(turns)] == [
        ("q1\n\nq2", "a2\n\nmore"),
        ("q3", None),
    ]


# --- the cut


def costs(*tokens: int) -> list[Cost]:
    return [Cost(2 * index + 1, 2 * index + 2, size) for index, size in enumerate(tokens)]


def test_nothing_moves_while_everything_fits() -> None:
    """A prompt of exactly the budget is not cut."""
    assert plan_cut(costs(100, 100, 100), 50, 50, 400, 0) == Cut(0, pinned=True, moved=False)


def test_a_small_window_is_brought_down_to_sixty_percent() -> None:
    """Over 1,000 tokens, exchanges go until 600 are left, and the first stays."""
    cut = plan_cut(costs(*[100] * 10), 50, 0, 1000, 0)
    assert cut == Cut(cut_seq=13, pinned=True, moved=True)
    kept = [cost for index, cost in enumerate(costs(*[100] * 10)) if cut.keeps(index, cost)]
    assert [cost.seq for cost in kept] == [1, 13, 15, 17, 19]


def test_a_window_of_8k_is_brought_down_to_seventy_percent() -> None:
    """The same thread scaled to 8,000 tokens keeps one exchange more."""
    assert plan_cut(costs(*[800] * 10), 400, 0, 8000, 0).cut_seq == 11


def test_a_large_first_exchange_goes_with_the_oldest() -> None:
    """More than a quarter of the budget is too much for what is long past."""
    assert plan_cut(costs(250, 400, 400), 100, 0, 1000, 0) == Cut(5, pinned=True, moved=True)
    assert plan_cut(costs(251, 400, 400), 100, 0, 1000, 0) == Cut(5, pinned=False, moved=True)
    assert plan_cut(costs(251, 300, 200), 300, 0, 1000, 0) == Cut(5, pinned=False, moved=True)


def test_the_newest_exchange_goes_only_for_the_budget() -> None:
    """A question is most likely about it, so it stays although more than sixty percent are left."""
    assert plan_cut(costs(50, 500, 650), 200, 0, 1000, 0) == Cut(5, pinned=True, moved=True)
    assert plan_cut(costs(50, 500, 800), 200, 0, 1000, 0) == Cut(7, pinned=True, moved=True)


def test_the_cut_never_moves_back() -> None:
    """A stored cut stays although everything would fit again, and goes on from where it is."""
    assert plan_cut(costs(10, 10, 10), 10, 0, 1000, 5) == Cut(5, pinned=True, moved=False)
    assert plan_cut(costs(10, 10, 10), 990, 0, 1000, 3) == Cut(7, pinned=True, moved=True)


def test_the_first_exchange_goes_last() -> None:
    """A question that fills the window takes even the first exchange's place."""
    assert plan_cut(costs(10, 10), 1000, 0, 1000, 0) == Cut(5, pinned=False, moved=True)


# --- fitting


async def test_a_short_thread_is_seen_whole() -> None:
    """System prompt, earlier exchanges and the question, and nothing to tell the person."""
    fitted = await fit_toy([user("q", 1), bot("a", 2)], "now?", 500)
    assert fitted.messages == (
        Message(Role.SYSTEM, "Answer briefly."),
        Message(Role.USER, "q"),
        Message(Role.ASSISTANT, "a"),
        Message(Role.USER, "now?"),
    )
    assert fitted.prompt == await toy_format().build(fitted.messages)
    assert (fitted.cut, fitted.dropped_turns, fitted.earlier_dropped, fitted.left_out) == (0, 0, False, LeftOut())
    assert fitted.question_texts == ("now?",)


async def test_the_person_is_told_once_when_the_cut_moves() -> None:
    """The cut moves, is stored, and the next question finds room without moving it."""
    turns = thread(*[(40, 40)] * 6)
    first = await fit_toy(turns, words(40), 600)
    assert first.earlier_dropped
    assert first.cut > 0
    assert first.prompt.tokens <= 600
    assert first.dropped_turns == len(turns) - (len(first.messages) - 2)
    turns += user(words(40), 13), bot(words(40), 14)
    second = await fit_toy(turns, "and?", 600, stored_cut=first.cut)
    assert (second.cut, second.earlier_dropped) == (first.cut, False)
    assert second.prompt.text.startswith(first.prompt.text)
    assert second.dropped_turns == first.dropped_turns


async def test_the_cut_does_not_depend_on_who_computes_it() -> None:
    """With stored counts, without them, and in another process's cache the result is the same."""
    turns = thread(*[(40, 60)] * 8)
    one = await fit_toy(turns, "next", 500)
    two = await fit_toy(turns, "next", 500, counts=one.new_counts)
    assert (two.messages, two.cut, two.prompt) == (one.messages, one.cut, one.prompt)


async def test_turns_are_counted_once() -> None:
    """What was counted is found by its digest; only the new answer and question are counted."""
    toy = ToyTokenizer()
    turns = [user("one", 1), bot("two", 2), user("three", 3), bot("four", 4)]
    first = await fit_toy(turns[:2], "three", 500)
    assert set(first.new_counts) == {
        count_key(Message(Role.SYSTEM, "Answer briefly.")),
        count_key(Message(Role.USER, "one")),
        count_key(Message(Role.ASSISTANT, "two")),
        count_key(Message(Role.USER, "three")),
    }
    prompts = PromptFormat(Llama2Template(), toy, "ids", False)
    second = await fit_toy(turns, "five", 500, prompts=prompts, counts=first.new_counts)
    assert set(second.new_counts) == {count_key(Message(Role.ASSISTANT, "four")), count_key(Message(Role.USER, "five"))}


async def test_an_oversized_question_keeps_head_and_tail() -> None:
    """The middle goes, the marker says how many lines, and what is stored is what the model saw."""
    lines = [f"line {number} of a long trace" for number in range(400)]
    fitted = await fit_toy(thread((5, 5)), "\n".join(lines), 700)
    (text,) = fitted.question_texts
    assert fitted.prompt.tokens <= 700
    assert text.startswith("line 0 of")
    assert text.endswith("line 399 of a long trace")
    kept = [line for line in text.splitlines() if line in lines]
    assert fitted.left_out.lines == 400 - len(kept)
    assert f"\n[... {fitted.left_out.lines} lines left out ...]\n" in text
    again = await fit_toy(thread((5, 5)), text, 700)
    assert again.prompt == fitted.prompt
    assert not again.left_out


async def test_a_clipped_question_is_still_seen_with_the_follow_up() -> None:
    """Clipping leaves room, so that the next question does not lose what it is about."""
    fitted = await fit_toy([], words(5000), 1000)
    (text,) = fitted.question_texts
    turns = [user(text, 1), bot(words(150), 2)]
    follow_up = await fit_toy(turns, "why?", 1000)
    assert follow_up.dropped_turns == 0
    assert follow_up.prompt.text.startswith(fitted.prompt.text)


async def test_of_several_messages_only_the_long_ones_are_clipped() -> None:
    """A question of a sentence and a file keeps the sentence whole."""
    asked = [replace(user("What is wrong here?"), id="m1"), replace(user(words(3000)), id="m2")]
    fitted = await fit_toy([], asked, 600)
    assert fitted.question_texts[0] == "What is wrong here?"
    assert "left out ...]" in fitted.question_texts[1]
    assert 350 <= fitted.prompt.tokens <= 600
    assert fitted.messages[-1].content == "\n\n".join(fitted.question_texts)


async def test_unanswered_questions_join_the_next_one_and_go_first() -> None:
    """A failed answer leaves its question open; when that does not fit, the new question alone is asked."""
    turns = [*thread((5, 5)), user("did that fail?", 3)]
    assert (await fit_toy(turns, "again", 500)).messages[-1].content == "did that fail?\n\nagain"
    large = [*thread((5, 5)), user(words(300), 3)]
    fitted = await fit_toy(large, words(200), 450)
    assert fitted.messages[-1].content == words(200)
    assert (fitted.cut, fitted.dropped_turns, fitted.earlier_dropped) == (4, 1, True)
    assert [message.content for message in fitted.messages[1:3]] == [words(5), words(5)]


async def test_a_deleted_answer_joins_nothing_across_the_cut() -> None:
    """Turns before the stored cut stay unseen although the dialog is merged anew."""
    turns = thread((3, 3), (4, 4), (5, 5), (6, 6))
    del turns[3]
    fitted = await fit_toy(turns, "now", 500, stored_cut=5)
    assert [message.content for message in fitted.messages[1:]] == [
        *(words(3), words(3)),
        *(words(5), words(5)),
        *(words(6), words(6)),
        "now",
    ]


async def test_people_in_one_question_keep_their_names_when_it_is_clipped() -> None:
    """The name belongs to what is counted, not to what is stored."""
    asked = [user(words(400)), replace(user("yes!", author="Bob"), id="m2")]
    fitted = await fit_toy([], asked, 300)
    assert fitted.messages[-1].content.startswith("Ann: word")
    assert fitted.messages[-1].content.endswith("\nBob: yes!")
    assert fitted.question_texts[0].startswith("word")
    assert fitted.prompt.tokens <= 300


async def test_a_system_prompt_without_room_beside_it_is_refused() -> None:
    """Less than 64 tokens for the question are none."""
    with pytest.raises(PromptTooLong):
        await fit_toy([], "hi", 500, system=words(450))


@pytest.mark.parametrize("case", PLAIN_CHATS, ids=name)
async def test_a_dialog_that_fits_is_not_touched(case: dict[str, Any]) -> None:
    """Every golden comes out of the budget as it went in, empty turns and white space included."""
    prompts = PromptFormat(Llama2Template(), None, "text", False)
    fitted = await fit_dialog(dialog(case), prompts, 100_000)
    assert fitted.prompt.text == case["expected_prompt_text"]
    assert fitted.dropped_turns == 0


async def test_a_dialog_that_does_not_fit_is_cut_as_a_thread() -> None:
    """The first exchange and the newest stay, and a wrong dialog is refused."""
    messages = [Message(turn.role, turn.text) for turn in thread(*[(60, 60)] * 8)]
    fitted = await fit_dialog([*messages, Message(Role.USER, "now")], toy_format(), 600)
    assert fitted.prompt.tokens <= 600
    assert fitted.messages[:2] == tuple(messages[:2])
    assert fitted.messages[-1].content == "now"
    assert fitted.dropped_turns == len(messages) - (len(fitted.messages) - 1) > 0
    with pytest.raises(InvalidDialog):
        await fit_dialog(messages, toy_format(), 600)


async def test_a_long_real_question_fits(codellama: CodeLlamaTokenizer) -> None:
    """With Code Llama's tokenizer, too, code, digits and Chinese are clipped to under the budget and use most of it."""
    for text in ("def f(x):\n    return x\n" * 2000, "0123456789" * 3000, "数据结构与算法" * 3000):
        for form in ("ids", "text"):
            prompts = PromptFormat(Llama2Template(), codellama, "ids" if form == "ids" else "text", True)
            fitted = await fit_toy([], text, 2000, prompts=prompts)
            assert 0.5 * 2000 <= fitted.prompt.tokens <= 0.65 * 2000
            assert fitted.left_out


# --- clipping


async def test_clipping_counts_eight_times_at_most_and_is_never_over() -> None:
    """However unevenly tokens are spread over a text."""
    texts = [
        "x\n" * 5000,
        "a" * 50_000,
        words(300) + "\n" + "1" * 3000,
        "1" * 3000 + "\n" + words(3000),
        "\n".join(f"{'.' * (number % 97)} line {number}" for number in range(2000)),
        "\n" * 5000 + "x",
    ]
    toy = ToyTokenizer()
    for text in texts:
        for keep in (32, 100, 1000):
            asked: list[str] = []

            async def count(candidate: str, asked: list[str] = asked) -> int:
                asked.append(candidate)
                return len(toy._plain(candidate))

            clipped = await clip(text, keep, count)
            assert len(asked) <= 8
            assert len(toy._plain(clipped.text)) <= keep
            assert bool(clipped.left_out) == (clipped.text != text)


async def test_a_giant_line_says_how_many_characters_are_missing() -> None:
    """Lines would mean nothing there."""

    async def count(candidate: str) -> int:
        return len(candidate)

    clipped = await clip("a" * 5000 + "z" * 5000, 1000, count)
    head, marker, tail = clipped.text.split("\n")
    assert set(head) == {"a"}
    assert set(tail) == {"z"}
    assert marker == f"[... {10_000 - len(head) - len(tail):,} characters left out ...]"
    assert clipped.left_out == LeftOut(10_000 - len(head) - len(tail))


def test_the_rules_follow_the_window_and_not_what_is_left_of_it() -> None:
    """A window of 8k keeps 70 % whatever its reply takes, and a continued answer does not drop the first exchange."""
    large = Window(tokens=8192, prompt_tokens=6000)
    assert plan_cut(costs(*[500] * 12), 500, 0, 6000, 0, large).cut_seq == 13
    assert plan_cut(costs(*[500] * 12), 500, 0, 6000, 0, Window(8191, 6000)).cut_seq == 15
    assert plan_cut(costs(300, 100, 100), 50, 0, 700, 3, Window(2048, 1300)) == Cut(3, pinned=True, moved=False)
