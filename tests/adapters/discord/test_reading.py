"""What people type, as plain text; what is small talk; what a thread is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.reading import TITLE_CHARACTERS, begins_with_mention, plain, title
from adapters.discord.small_talk import MAX_CHARACTERS, is_small_talk, is_thanks

US, ROLE = "100", "200"
OURS = frozenset({US, ROLE})
NAMES = {"1": "Ada", "2": "Bob"}


class TestPlain:
    @pytest.mark.parametrize(
        ("typed", "read"),
        [
            ("<@100> why?", "why?"),
            ("<@!100>, why?", "why?"),
            ("<@&200>: why?", "why?"),
            ("why, <@100>?", "why, ?"),
            ("ask <@1> or <@!2>", "ask @Ada or @Bob"),
            ("ask <@3>", "ask @somebody"),
            ("<@&9> see <#5>", "@role see #channel"),
            ("nice <:party:123> <a:wave:45>", "nice :party: :wave:"),
            ("`<@1>` and ```\n<@100>\n``` and ``<#5> ` ``", "`<@1>` and ```\n<@100>\n``` and ``<#5> ` ``"),
            ("a < b > c & d", "a < b > c & d"),
            ("vector<int:5>", "vector<int:5>"),
            ("  <@100>  ", ""),
        ],
    )
    def test_ids_become_names_outside_of_code(self, typed: str, read: str) -> None:
        """And the mention of us goes."""
        assert plain(typed, NAMES, OURS) == read

    @given(st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"])))
    def test_what_holds_no_id_stays(self, typed: str) -> None:
        """But for white space around it."""
        assert plain(typed, NAMES, OURS) == typed.strip()

    @pytest.mark.parametrize(
        ("typed", "who"), [("<@1> hi", "1"), (" <@!1>", "1"), ("<@&9> all", "9"), ("hi <@1>", ""), ("`<@1>`", "")]
    )
    def test_whom_it_is_said_to(self, typed: str, who: str) -> None:
        """By its first word."""
        assert begins_with_mention(typed) == who


class TestTitle:
    @pytest.mark.parametrize(
        ("question", "called"),
        [
            ("How do I sort a dict?", "How do I sort a dict?"),
            ("## **Why**\nis that", "Why"),
            ("```py\nprint(1)\n```\nwhy does this fail?", "why does this fail?"),
            ("```py\nprint(1)\n```", "py"),
            ("use `sorted`  or\tlist.sort?", "use sorted or list.sort?"),
            ("", "Question of Ada"),
            ("```\n```", "Question of Ada"),
        ],
    )
    def test_a_thread_is_called_by_the_questions_first_words(self, question: str, called: str) -> None:
        """Not by its code, where there are words."""
        assert title(question, "Ada") == called

    def test_a_long_one_is_cut_between_words(self) -> None:
        """At 80 characters."""
        cut = title("word " * 40, "Ada")
        assert len(cut) <= TITLE_CHARACTERS
        assert cut.endswith("word…")

    @given(st.text(max_size=300))
    def test_there_is_always_a_name_that_discord_takes(self, question: str) -> None:
        """1 to 80 characters on one line."""
        called = title(question, "Ada")
        assert 1 <= len(called) <= TITLE_CHARACTERS
        assert len(called.splitlines()) == 1


class TestSmallTalk:
    @pytest.mark.parametrize(
        "said",
        [
            "thanks!", "Thank you so much :heart:", "ty <:party:1>", "thx guys", "hi all", "Hello there!", "hey",
            "good morning everyone", "ok, thanks", "np", "that works, thank you!", "it worked", "you're welcome",
            "You\N{RIGHT SINGLE QUOTATION MARK}re welcome", "lol", "haha", "👍", "+1", "...", "", "stop", "back",
            "solved!", "**thanks**", "never mind, fixed it", "nice, thanks for the help",
        ],
    )  # fmt: skip
    def test_what_is_left_without_an_answer(self, said: str) -> None:
        """Thanks, greetings, agreement, emoji."""
        assert is_small_talk(said)

    @pytest.mark.parametrize(
        "said",
        [
            "How do I sort a dict?", "hi, how do I sort?", "thanks, but why?", "help", "what is a monad", "hi there x",
            "list.sort", "it works in Python 2 but not in 3", "x = 1", "404", "why", "segfault", "ok google",
            "great news: python 4", "how to welcome users in discord.py", "right join vs left join",
        ],
    )  # fmt: skip
    def test_what_is_a_question(self, said: str) -> None:
        """Whatever it begins with."""
        assert not is_small_talk(said)

    def test_agreement_is_no_thanks(self) -> None:
        """It may answer a question of ours."""
        assert not is_thanks("yes")
        assert not is_thanks("ok")
        assert is_thanks("ok thanks")
        assert is_thanks("Perfect, thank you!")

    def test_a_long_text_is_no_small_talk_and_costs_no_time(self) -> None:
        """Words that the pattern can read in several ways must not multiply."""
        assert not is_small_talk("works now " * 40)
        assert not is_small_talk(("works now " * 12)[: MAX_CHARACTERS - 2] + "x?")
