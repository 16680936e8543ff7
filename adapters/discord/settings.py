"""`/settings`: what a person, or those who manage a channel, set for new threads. Told to who asks alone."""

from __future__ import annotations

import asyncio
from dataclasses import astuple

import discord

from adapters.discord.acknowledging import say, tell, think
from adapters.discord.channels import Kind
from adapters.discord.formatting import to_discord
from adapters.discord.interactions import called, may_manage
from adapters.discord.pending import Pending, until_seen_to
from adapters.discord.rendering import MAX_CONTENT
from conversation.attached import fence_for
from conversation.errors import CorralError, StoreUnavailable
from conversation.model import Preferences
from conversation.notices import FOR_NEW_THREADS
from conversation.preference_desk import PreferenceDesk
from conversation.preferences import Entered

STORE_SECONDS = 5.0
# Discord takes no empty option: these unset a field.
NOTHING = frozenset({"none", "-", "default"})
HOW = "Name a field in `/settings {of}` to set it, say `none` in it to unset it, or choose `reset` to unset all."
ADMINS_ONLY = (
    "Only people who may *Manage Channels* here change what is set for this channel. "
    "You can change what is set for you: `/settings mine`."
)
MOST_SHOWN = 1300  # characters of the standing instructions
NOT_KEPT = "I cannot reach my store at the moment: nothing was changed. Please try again in a minute."


class SettingsDesk:
    """Answers the command. Each method is given an interaction, and raises nothing that is foreseen."""

    def __init__(self, preferences: PreferenceDesk, pending: Pending) -> None:
        self._preferences, self.pending = preferences, pending

    @until_seen_to
    async def settings(
        self, interaction: discord.Interaction, entered: Entered, *, of_channel: bool = False, reset: bool = False
    ) -> None:
        """Change what was entered; with nothing entered, and no `reset`, show what is set."""
        is_change = reset or any(field is not None for field in astuple(entered))
        if is_change and of_channel and not may_manage(interaction):
            await say(interaction, ADMINS_ONLY)
        elif await think(interaction):
            await tell(interaction, await self._answer(interaction, _unset(entered), of_channel, is_change, reset))

    async def _answer(
        self, interaction: discord.Interaction, entered: Entered, of_channel: bool, is_change: bool, reset: bool
    ) -> str:
        by = called(interaction)
        person, is_admin = by.person(by.place.address(by.id)), may_manage(interaction)
        desk = self._preferences
        try:
            async with asyncio.timeout(STORE_SECONDS):
                if not is_change:
                    preferences = await desk.shown(person, of_channel=of_channel)
                    direct = by.place.kind is Kind.DIRECT
                    return shown(preferences, of_channel=of_channel, whole=is_admin or not of_channel, direct=direct)
                if reset:
                    entered = Entered(*(field or "" for field in astuple(entered)))
                return await desk.change(person, entered, of_channel=of_channel, is_admin=is_admin)
        except (StoreUnavailable, TimeoutError):
            return NOT_KEPT
        except CorralError as error:
            return error.user_notice


def shown(preferences: Preferences, *, of_channel: bool, whole: bool, direct: bool = False) -> str:
    """What is set, in lines. Standing instructions are shown `whole` to those who may change them. What somebody sets
    in direct messages holds there, and in no server."""
    entered = Entered.of(preferences)
    lines = [
        f"- code in {entered.language}" if entered.language else "",
        f"- variety {entered.temperature}" if entered.temperature else "",
        f"- answers of up to {entered.max_new_tokens} tokens" if entered.max_new_tokens else "",
    ]
    if preferences.additions and not whole:
        lines.append(f"- standing instructions of {len(preferences.additions):,} characters")
    elif preferences.additions:
        fence, text = fence_for(preferences.additions), preferences.additions
        text = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
        lines.append(f"- standing instructions:\n{fence}\n{text}\n{fence}")
    what = "\n".join(line for line in lines if line) or "- nothing"
    of = "channel" if of_channel else "mine"
    where = "in direct messages" if direct else "in this server"
    head = "Set for this channel:" if of_channel else f"Set for you {where}:"
    return to_discord("\n".join((head, what, HOW.format(of=of), FOR_NEW_THREADS)), MAX_CONTENT)


def _unset(entered: Entered) -> Entered:
    """As it was typed, with what unsets a field."""
    typed = (None if field is None else "" if field.strip().lower() in NOTHING else field for field in astuple(entered))
    return Entered(*typed)
