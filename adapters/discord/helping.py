"""What `/help` shows: what can be done here, and examples to press."""

from __future__ import annotations

from typing import Any

import discord

from adapters.discord.buttons import custom_id
from conversation import guide

_COMMANDS = (
    "- `/ask` asks anywhere; with `private` only you see the answer\n"
    "- `/settings` sets how I answer, `/forget` removes this conversation from my memory"
)


def text(*, direct: bool) -> str:
    """What it says, in a server or in direct messages."""
    return guide.help_text(lambda skill: f"/{skill}", commands=_COMMANDS, direct=direct)


def examples() -> discord.ui.View:
    """A button for each example, which any process hears. To be made while the loop runs."""
    view = discord.ui.View(timeout=None)
    for offer in guide.examples():
        shown: discord.ui.Button[Any] = discord.ui.Button(label=offer.label[:80], custom_id=f"{custom_id(offer)}:help")
        view.add_item(shown)
    view.stop()  # or discord.py would keep each of them for ever
    return view
