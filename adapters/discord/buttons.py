"""The buttons below our answers, which work whichever process wrote them and however often we were restarted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Self

import discord

from adapters.discord.desk import Desk
from conversation.model import Action, Offer

PREFIX = "corral"
# What stands behind the target is the writer's own.
_TEMPLATE = rf"{PREFIX}:(?P<action>{'|'.join(Action)}):(?P<target>[^:]+)(?P<rest>:.*)?"


def custom_id(offer: Offer) -> str:
    """What a button carries."""
    return f"{PREFIX}:{offer.action}:{offer.target}"


def actions_of(desk: Desk) -> Iterable[type[discord.ui.DynamicItem[Any]]]:
    """What to give to `Client.add_dynamic_items`, so that `desk` hears of presses."""

    class OfferButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=_TEMPLATE):
        """A button as it comes back to us; what is shown is the writer's."""

        def __init__(self, action: Action, target: str, shown: discord.ui.Button[Any]) -> None:
            super().__init__(shown)
            self._action, self._target = action, target

        @classmethod
        async def from_custom_id(
            cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
        ) -> Self:
            """As in discord.py."""
            assert isinstance(item, discord.ui.Button)
            return cls(Action(match["action"]), match["target"], item)

        async def callback(self, interaction: discord.Interaction[Any]) -> None:
            """Somebody pressed it: Reception looks whether they may."""
            await desk.press(interaction, self._action, self._target)

    return [OfferButton]
