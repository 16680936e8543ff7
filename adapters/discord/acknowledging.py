"""What Discord wants within three seconds, and what people are told beside their answers: best effort."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

import discord

from adapters.discord.lookups import UNREACHABLE

log = logging.getLogger(__name__)

ACK_SECONDS = 3.0
ALREADY_ANSWERED, UNKNOWN_INTERACTION = 40060, 10062
NOBODY = discord.AllowedMentions.none()


async def say(interaction: discord.Interaction, sentence: str, **more: Any) -> None:
    """Answer at once, with what this person alone sees."""
    await best_effort(
        interaction.response.send_message(
            sentence, ephemeral=True, allowed_mentions=NOBODY, suppress_embeds=True, **more
        ),
        ACK_SECONDS,
    )


async def tell(interaction: discord.Interaction, sentence: str) -> None:
    """Put it in the place of "thinking"."""
    await best_effort(interaction.edit_original_response(content=sentence, allowed_mentions=NOBODY))


async def add(interaction: discord.Interaction, sentence: str) -> None:
    """One more message to this person alone."""
    await best_effort(interaction.followup.send(sentence, ephemeral=True, allowed_mentions=NOBODY))


async def think(interaction: discord.Interaction) -> bool:
    """Let this person alone see that an answer comes. As `acknowledged`."""
    return await acknowledged(interaction.response.defer(ephemeral=True, thinking=True))


# Of what broke only the kind is logged: an address in its text would hold the interaction's token.
async def acknowledged(call: Awaitable[Any]) -> bool:
    """False when it is too late: nothing can be shown for it any more."""
    try:
        async with asyncio.timeout(ACK_SECONDS):
            await call
    except discord.HTTPException as exc:
        if exc.code != ALREADY_ANSWERED:
            log.warning("an interaction could not be acknowledged: %s", exc.code)
            return False
    except UNREACHABLE as exc:
        log.warning("an interaction's acknowledgement is not confirmed: %s", type(exc).__name__)
    return True


async def best_effort(call: Awaitable[Any], seconds: float = 10.0) -> None:
    """What a person is told, if it can be."""
    try:
        async with asyncio.timeout(seconds):
            await call
    except discord.HTTPException as exc:
        log.info("a person could not be told: %s", exc.code)
    except UNREACHABLE as exc:
        log.info("a person could not be told: %s", type(exc).__name__)
