"""The buttons below our answers, which work whichever process wrote them and however often we were restarted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import discord

from conversation.model import Action, Offer, ThreadId

if TYPE_CHECKING:
    from adapters.discord.desk import Desk

PREFIX = "corral"
# What stands at the end is the writer's own.
_TEMPLATE = (
    rf"{PREFIX}:(?P<action>{'|'.join(Action)}):(?P<target>[^:]+)"
    r"(?::at(?P<guild>[0-9a-f]+)\.(?P<channel>[0-9a-f]+))?(?P<rest>:.*)?"
)


def custom_id(offer: Offer, asked_in: ThreadId | None = None) -> str:
    """What a button carries; at most 84 of the 100 characters that it may. `asked_in` is the private conversation's
    address, for an answer that may stand in direct messages: where it is pressed does not tell then."""
    at = "" if asked_in is None else f":at{int(asked_in.tenant):x}.{int(asked_in.channel):x}"
    return f"{PREFIX}:{offer.action}:{offer.target}{at}"


def actions_of(desk: Desk) -> Iterable[type[discord.ui.DynamicItem[Any]]]:
    """What to give to `Client.add_dynamic_items`, so that `desk` hears of presses: of everybody's who sees the answer.
    Who may ask in a place may also stop there what others asked, as in Slack."""

    class OfferButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=_TEMPLATE):
        """A button as it comes back to us; what is shown is the writer's."""

        def __init__(self, match: re.Match[str], shown: discord.ui.Button[Any]) -> None:
            super().__init__(shown)
            self._action, self._target = Action(match["action"]), match["target"]
            self._asked_in = (str(int(match["guild"], 16)), str(int(match["channel"], 16))) if match["guild"] else None

        @classmethod
        async def from_custom_id(
            cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
        ) -> Self:
            """As in discord.py."""
            assert isinstance(item, discord.ui.Button)
            return cls(match, item)

        async def callback(self, interaction: discord.Interaction[Any]) -> None:
            """Somebody pressed it."""
            await desk.press(interaction, self._action, self._target, self._asked_in)

    return [OfferButton]
