"""Where people's commands and buttons are answered, within Discord's three seconds."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec

import discord

from adapters.discord import interactions
from adapters.discord.attachments import Attachments
from adapters.discord.channels import Kind
from adapters.discord.events import File
from adapters.discord.identity import NOT_DIRECT
from adapters.discord.interactions import Called, called
from adapters.discord.lookups import UNREACHABLE
from adapters.discord.pending import Pending
from conversation.errors import CorralError, Refused, StoreUnavailable
from conversation.model import Action
from conversation.order import InOrder
from conversation.reception import Heard, Reception
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

STORE_SECONDS = 5.0  # they were answered before: only patience ends here
ACK_SECONDS = 3.0
LOOK_SECONDS = 5.0
ALREADY_ANSWERED, UNKNOWN_INTERACTION = 40060, 10062

THREAD_COMES = "The answer comes in a moment, in a thread of that message."
ANSWER_COMES = "The answer comes in a moment."
NOT_HERE = "I may not answer in this channel; I would need: {missing}. With `private` I can answer you alone."
NOTHING_ASKED = "Ask me something: `/ask question`."

_NOBODY = discord.AllowedMentions.none()
_ASK = frozenset({Action.CONTINUE, Action.AGAIN})


Parameters = ParamSpec("Parameters")
Seen = Callable[Concatenate["Desk", discord.Interaction, Parameters], Awaitable[None]]


def _until_seen_to(act: Seen[Parameters]) -> Seen[Parameters]:
    """Until `act` has ended, the interaction comes again if this process dies."""

    @functools.wraps(act)
    async def seen_to(
        self: Desk, interaction: discord.Interaction, /, *args: Parameters.args, **more: Parameters.kwargs
    ) -> None:
        with self.pending.seeing_to(str(interaction.id)):
            await act(self, interaction, *args, **more)

    return seen_to


class Desk:
    """Answers interactions. Each method is given one, and raises nothing that is foreseen. Without `direct` nothing new
    is asked in direct messages: Discord offers no commands there, but buttons below old answers."""

    def __init__(self, reception: Reception, attachments: Attachments, *, direct: bool = True) -> None:
        self._reception, self._attachments, self._direct = reception, attachments, direct
        self._order = InOrder()
        self.pending = Pending()

    @_until_seen_to
    async def ask(
        self,
        interaction: discord.Interaction,
        text: str,
        asked: str,
        *,
        private: bool = False,
        files: Sequence[File] = (),
    ) -> None:
        """A question, `asked` as it is shown to people. In direct messages everything is private already."""
        by = called(interaction)
        if not (text.strip() or files):
            await self._say(interaction, NOTHING_ASKED)
        elif private and by.place.kind is not Kind.DIRECT:
            if await self._defer(interaction):
                await self._store_private(interaction, interactions.private_question(by, text, asked), files)
        elif missing := interactions.missing_permissions(interaction):
            await self._say(interaction, NOT_HERE.format(missing=", ".join(missing)))
        else:
            await self._ask_publicly(interaction, by, text, asked, files)

    @_until_seen_to
    async def forget(self, interaction: discord.Interaction) -> None:
        """The wish to have a conversation forgotten."""
        if await self._defer(interaction):
            await self._store_private(interaction, interactions.forget(called(interaction)))

    @_until_seen_to
    async def about(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """The wish to have somebody's message answered."""
        by = called(interaction)
        if missing := interactions.missing_permissions(interaction):
            await self._say(interaction, NOT_HERE.format(missing=", ".join(missing)))
        elif await self._defer(interaction):
            error = await self._store(interactions.about_message(by, str(message.id), message.content))
            coming = THREAD_COMES if by.place.kind is Kind.CHANNEL else ANSWER_COMES
            await best_effort(interaction.edit_original_response(content=error or coming, allowed_mentions=_NOBODY))

    @_until_seen_to
    async def press(
        self, interaction: discord.Interaction, action: Action, target: str, asked_in: tuple[str, str] | None = None
    ) -> None:
        """A button. It is acknowledged first: what a worker then edits may be what the acknowledgement is about.
        `asked_in` as in `interactions.press`."""
        if not await self._acknowledge(interaction) or interaction.message is None:
            return
        by, is_private = called(interaction), interaction.message.flags.ephemeral
        if action in _ASK and asked_in is None and by.place.kind is Kind.DIRECT and not self._direct:
            await best_effort(interaction.followup.send(NOT_DIRECT, ephemeral=True, allowed_mentions=_NOBODY))
            return
        pressed = interactions.press(
            by, action, target, str(interaction.message.id), is_private=is_private, asked_in=asked_in
        )
        try:
            # A double click is two presses at once: the second is to find what came of the first.
            async with asyncio.timeout(STORE_SECONDS), self._order.turn(pressed.message_id):
                sentence = await self._reception.pressed(pressed)
        except (StoreUnavailable, Refused) as error:
            sentence = error.user_notice
        except TimeoutError:
            sentence = StoreUnavailable.user_notice
        if sentence:
            await best_effort(interaction.followup.send(sentence, ephemeral=True, allowed_mentions=_NOBODY))

    # --- steps

    async def _ask_publicly(
        self, interaction: discord.Interaction, by: Called, text: str, asked: str, files: Sequence[File]
    ) -> None:
        root = await self._root(interaction, interactions.echo(by.name, asked))
        if root is None:
            return
        heard = interactions.public_question(by, root, text, asked)
        if error := await self._store(heard, files):
            await best_effort(
                interaction.edit_original_response(
                    content=f"{interactions.echo(by.name, asked)}\n\n{error}", allowed_mentions=_NOBODY
                )
            )

    async def _root(self, interaction: discord.Interaction, content: str) -> str | None:
        """The id of the message that shows the question to everybody."""
        try:
            async with asyncio.timeout(ACK_SECONDS):
                shown = await interaction.response.send_message(content, allowed_mentions=_NOBODY, suppress_embeds=True)
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
        return await self._root_again(interaction)

    @staticmethod
    async def _root_again(interaction: discord.Interaction) -> str | None:
        """The same when it was shown before: its reply was lost, or a process before us showed it and died, and the
        gateway brought the command again. Asked for as long as Discord can tell: without it everybody sees a question
        that nobody answers."""
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

    async def _store_private(self, interaction: discord.Interaction, heard: Heard, files: Sequence[File] = ()) -> None:
        if error := await self._store(heard, files):
            await best_effort(interaction.edit_original_response(content=error, allowed_mentions=_NOBODY))

    async def _store(self, heard: Heard, files: Sequence[File] = ()) -> str:
        """Have it stored; gives what the person is told when that failed."""
        if files:
            heard = replace(heard, message=await self._attachments.read_into(heard.message, files))
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._reception.hear(heard)
        except CorralError as error:
            log.warning("a command was not stored: %s", error)
            return error.user_notice
        except TimeoutError:
            return StoreUnavailable.user_notice
        return ""

    async def _say(self, interaction: discord.Interaction, sentence: str) -> None:
        """Answer with a sentence that this person alone sees."""
        await best_effort(
            interaction.response.send_message(sentence, ephemeral=True, allowed_mentions=_NOBODY), ACK_SECONDS
        )

    async def _defer(self, interaction: discord.Interaction) -> bool:
        return await _acknowledged(interaction.response.defer(ephemeral=True, thinking=True))

    async def _acknowledge(self, interaction: discord.Interaction) -> bool:
        """For a button: nothing is shown."""
        return await _acknowledged(interaction.response.defer())


# Of what broke only the kind is logged: an address in its text would hold the interaction's token.
async def _acknowledged(call: Awaitable[Any]) -> bool:
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
