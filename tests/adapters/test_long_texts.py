"""Texts of any length before anybody has counted them: what looks for something in them goes through them once.

No seconds are counted. A text of four times the length may take ten times the processor time; what goes through it
again from each of its characters takes sixteen times.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from adapters.called_by_name import points_above, wish_of
from adapters.discord import events as discord_events
from adapters.discord.channels import Kind, Place
from adapters.discord.events import Ears
from adapters.discord.identity import Identity as DiscordIdentity
from adapters.discord.small_talk import is_small_talk
from adapters.discord.wishing import Given
from adapters.languages import language_meant
from adapters.slack import commands, events, forms
from adapters.slack.forms import Origin
from adapters.slack.identity import Identity
from adapters.wishes import code_in, entered_wish, parsed_wish, unused_words
from conversation.errors import PromptError
from conversation.model import Skill

SHORT, TIMES, MOST_TIMES = 5_000, 4, 10
# So quick that the clock and the garbage collector tell more than the text: no character was looked at again and again.
NOTHING = 0.03

# Each is repeated to the wanted length, behind the first and before the last part.
HOSTILE = {
    "newlines": ("fix", "\n", "a"),
    "spaces": ("fix ", " ", "a"),
    "spaces before": ("", " ", "fix x"),
    "marks": ("fix", ".\n", "a"),
    "statements": ("", "SELECT ", ""),
    "words of code": ("", "if ", ""),
    "imports": ("from ", "a.", ""),
    "languages": ("", "in ", ""),
    "languages far away": ("", "using      ", ""),
    "semicolons": ("", f";{' ' * 50}", "a"),
    "indented": ("complete\n", f"{' ' * 50}a", ""),
    "calls": ("complete ", "f(", ""),
    "backticks": ("fix ", "`", ""),
    "backticks with words": ("", "`a", ""),
    "runs of backticks": ("", "``a ```b ````c `````d ", ""),
    "open fences": ("fix ", "```x ", ""),
    "fences": ("", "```\n", ""),
    "tildes": ("", "~~~\n ", ""),
    "marks to fill": ("fill ", "<FILL_ME>", ""),
    "private": ("private ", " ", "or"),
    "angles": ("", "<", ""),
    "open words": ("", "<x", ""),
    "open mentions": ("", "<@", ""),
    "open names": ("<@U1|", "a", ""),
    "mentions of us": ("", "<@UBOT>", "x"),
    "words to us": ("x ", "<@UBOT> y ", ""),
    "lines to us": ("", "<@UBOT>\n", ""),
    "entities": ("", "&lt;", ""),
    "links": ("", "https://a.slack.com/archives/C1/p1700000000000001 ", ""),
    "hosts": ("https://", "a.", ""),
    "emoji": ("", ":a", ""),
    "long emoji": ("<:", "a", ""),
    "discord's mentions": ("", "<@!1> ", ""),
    "thanks": ("", "thank you so much ", "?"),
}
ME, ORIGIN = Identity("T1", "UBOT", "BBOT"), Origin("C1", 0.0)
EARS, PLACE = Ears(DiscordIdentity("1", "2"), frozenset()), Place("1", "10", Kind.CHANNEL)


def slack_event(text: str) -> dict[str, Any]:
    event = {"type": "app_mention", "user": "U1", "ts": "1700000000.000001", "channel": "C1", "text": text}
    return {"type": "event_callback", "event_id": "Ev1", "event": event}


def slack_command(command: str, text: str) -> dict[str, Any]:
    return {"command": command, "text": text, "channel_id": "C1", "user_id": "U1", "trigger_id": "1", "team_id": "T1"}


def discord_message(text: str) -> dict[str, Any]:
    mentions = [{"id": "1", "username": "corral"}]
    return {"id": "5", "type": 0, "content": text, "author": {"id": "3", "username": "ada"}, "mentions": mentions}


def asked(given: Given) -> None:
    try:
        given.question()
        given.shown()
        given.title("Ada")
    except PromptError:
        pass


DOORS: dict[str, Callable[[str], object]] = {
    "a mention": lambda text: wish_of(text, above=True),
    "a name alone": points_above,
    **{f"typed for {skill}": lambda text, skill=skill: parsed_wish(skill, text) for skill in Skill},  # type: ignore[misc]
    "a form": lambda text: unused_words(entered_wish(Skill.FILL, text, f"```\n{text}", None)),
    "a message's code": lambda text: code_in(Skill.EXPLAIN, text),
    "a language": language_meant,
    "Slack's event": lambda text: events.translate(slack_event(text), ME, {}),
    "Slack's people": lambda text: events.people_in(slack_event(text), ME),
    "/corral": lambda text: commands.translate(slack_command("/corral", text), ME, {}, 0.0),
    "/code": lambda text: commands.translate(slack_command("/code", text), ME, {}, 0.0),
    "Slack's menu": lambda text: forms.form_about(Skill.EXPLAIN, text, ORIGIN),
    "Discord's message": lambda text: discord_events.translate("MESSAGE_CREATE", discord_message(text), PLACE, EARS),
    "small talk": is_small_talk,
    "Discord's command": lambda text: asked(Given(Skill.EXPLAIN, text)),
    "Discord's form": lambda text: asked(Given(Skill.FIX, text, None, text)),
}


def of_length(parts: tuple[str, str, str], length: int) -> str:
    first, again, last = parts
    return first + again * (length // len(again)) + last


def cost(door: Callable[[str], object], text: str, most: float = 0.0) -> float:
    """The least processor time of a few goes, in seconds; one go is enough to be below `most`."""
    costs: list[float] = []
    while len(costs) < 3 and not (costs and costs[-1] < most):
        begin = time.process_time()
        door(text)
        costs.append(time.process_time() - begin)
    return min(costs)


@pytest.mark.parametrize("name", DOORS)
def test_a_text_is_gone_through_once(name: str) -> None:
    """Whatever stands in it: one message must not keep everybody else waiting."""
    door = DOORS[name]
    door("warm")
    slow = []
    for about, parts in HOSTILE.items():
        short = cost(door, of_length(parts, SHORT))
        most = max(MOST_TIMES * short, NOTHING)
        if (long := cost(door, of_length(parts, TIMES * SHORT), most)) > most:
            slow.append(f"{about}: {short:.3f} s became {long:.3f} s")
    assert not slow


def test_what_goes_through_a_text_again_and_again_is_found() -> None:
    """Else the test above would show nothing: this is how `fix` and newlines was read once."""
    pattern = re.compile(r"\s*(?:this\b|\W*\Z)")
    short, long = (cost(pattern.match, "\n" * length + "a") for length in (700, TIMES * 700))
    assert long > max(MOST_TIMES * short, NOTHING)
