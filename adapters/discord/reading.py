"""What people type in Discord, as plain text: ids become names. Pure.

Source: discord.com/developers/docs/reference, message formatting. What stands in code is code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_CODE = re.compile(r"(```.*?```|``.+?``|`[^`\n]+`)", re.DOTALL)
_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_MENTION = re.compile(r"<@!?(\d{1,20})>")
_ROLE, _CHANNEL = re.compile(r"<@&(\d{1,20})>"), re.compile(r"<#\d{1,20}>")
_EMOJI = re.compile(r"<a?:(\w{2,32}):\d{1,20}>")
_BEGINS = re.compile(r"\s*<@[!&]?(\d{1,20})>")
TITLE_CHARACTERS = 80


def plain(content: str, names: Mapping[str, str], ours: frozenset[str]) -> str:
    """The text with people's names in place of their ids, and without the mentions of us. `ours` are the ids of us and
    of our roles."""
    pieces = _CODE.split(content)
    pieces[::2] = [_without_ids(piece, names, ours) for piece in pieces[::2]]
    return "".join(pieces).strip()


def begins_with_mention(content: str) -> str:
    """The id of the person or role that the text begins with; "" when it begins otherwise."""
    found = _BEGINS.match(content)
    return found[1] if found else ""


def title(question: str, name: str) -> str:
    """What a thread is called: the question's first words outside of code blocks, at most 80 characters."""
    said = _BLOCK.sub("\n", question)
    words = next((line.split() for text in (said, question) for line in text.splitlines() if line.strip("` \t")), [])
    line = " ".join(words).replace("`", "").lstrip("#*_> ").rstrip("#*_ ")
    if not line:
        line = f"Question of {name}"
    if len(line) <= TITLE_CHARACTERS:
        return line
    cut = line[: TITLE_CHARACTERS - 1]
    whole = cut.rpartition(" ")[0]
    return f"{whole if len(whole) > TITLE_CHARACTERS // 2 else cut}…"


def _without_ids(text: str, names: Mapping[str, str], ours: frozenset[str]) -> str:
    def person(found: re.Match[str]) -> str:
        return "" if found[1] in ours else f"@{names.get(found[1], 'somebody')}"

    begins_with_us = begins_with_mention(text) in ours
    text = _MENTION.sub(person, text)
    text = _ROLE.sub(lambda found: "" if found[1] in ours else "@role", text)
    text = _EMOJI.sub(r":\1:", _CHANNEL.sub("#channel", text))
    return text.lstrip(" ,:\t") if begins_with_us else text
