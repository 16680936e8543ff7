"""The message that shows everybody what was asked with a command: shown once, whatever becomes of Discord's reply."""

from __future__ import annotations

import asyncio
import logging
import time

import discord

from adapters.discord import interactions
from adapters.discord.acknowledging import ACK_SECONDS, ALREADY_ANSWERED, NOBODY, UNKNOWN_INTERACTION
from adapters.discord.lookups import UNREACHABLE
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


async def show_root(interaction: discord.Interaction, content: str) -> str | None:
    """The id of the message that shows the question to everybody."""
    try:
        async with asyncio.timeout(ACK_SECONDS):
            shown = await interaction.response.send_message(content, allowed_mentions=NOBODY, suppress_embeds=True)
        return str(shown.message_id)
    except discord.HTTPException as exc:
        if exc.code not in {ALREADY_ANSWERED, UNKNOWN_INTERACTION}:
            log.warning("a command could not be answered: %s", exc.code)
            return None
    except discord.InteractionResponded:
        pass
    except UNREACHABLE as exc:
        # It may be there: its reply was lost.
        log.warning("a command's answer is not confirmed: %s", type(exc).__name__)
    return await _shown_before(interaction)


async def _shown_before(interaction: discord.Interaction) -> str | None:
    """The same when it was shown before: its reply was lost, or a process before us showed it and died, and the gateway
    brought the command again. Asked for as long as Discord can tell: without it everybody sees a question that nobody
    answers."""
    deadline = interaction.created_at.timestamp() + interactions.TOKEN_SECONDS
    for wait in growing_waits():
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return str((await interaction.original_response()).id)
        except UNREACHABLE as exc:
            log.warning("a command's answer cannot be seen, yet: %s", type(exc).__name__)
        except discord.DiscordException as exc:
            log.info("a command was not answered: %s", getattr(exc, "code", type(exc).__name__))
            return None
        if time.time() + wait > deadline:
            return None
        await asyncio.sleep(wait)
    raise AssertionError("the waits never end")
