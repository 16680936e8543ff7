"""The application commands `/ask`, `/code` and `/forget`, and the one in a message's menu."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import discord
from discord import app_commands

from adapters.discord.desk import ACK_SECONDS, Desk, best_effort
from adapters.discord.events import File
from adapters.discord.lookups import UNREACHABLE, why
from adapters.languages import languages_like
from adapters.wishes import parsed_wish
from conversation.errors import PromptError
from conversation.model import Skill
from conversation.skills import ask_for
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

ASK_MENU = "Ask Corral about this"
MAX_CHOICES = 25  # Discord's limit (docs: interactions/application-commands, autocomplete)
MAX_QUESTION = 6000  # of a command's option
# Tried for as long as we run; seldom, for each try that Discord refuses counts towards a ban of our address.
REGISTER_SECONDS, LONGEST_WAIT_SECONDS = 30.0, 600.0
FAILED = "Something went wrong on my side. Please try again."

_PRIVATE = "Show the answer to you alone"

Question = app_commands.Range[str, 1, MAX_QUESTION]


def build_tree(client: discord.Client, desk: Desk, *, direct: bool) -> app_commands.CommandTree[Any]:
    """The commands, for servers that installed us and, with `direct`, for direct messages."""
    tree: app_commands.CommandTree[Any] = app_commands.CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=direct, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    @tree.command(name="ask", description="Ask a coding question")
    @app_commands.describe(question="What you want to know", file="Code or text that belongs to it", private=_PRIVATE)
    async def ask(
        interaction: discord.Interaction[Any],
        question: Question,
        file: discord.Attachment | None = None,
        private: bool = False,
    ) -> None:
        await desk.ask(interaction, question, question, private=private, files=_files(file))

    @tree.command(name="code", description="Write a code snippet")
    @app_commands.describe(what="What it should do", language="The language to write it in", private=_PRIVATE)
    async def code(
        interaction: discord.Interaction[Any], what: Question, language: str = "", private: bool = False
    ) -> None:
        asked = f"{language} {what}".strip()
        await desk.ask(interaction, _snippet(asked), asked, private=private)

    @code.autocomplete("language")
    async def languages(_: discord.Interaction[Any], typed: str) -> list[app_commands.Choice[str]]:
        found = languages_like(typed, MAX_CHOICES)
        return [app_commands.Choice(name=language.name, value=language.name) for language in found]

    @tree.command(name="forget", description="Remove this conversation from my memory")
    async def forget(interaction: discord.Interaction[Any]) -> None:
        await desk.forget(interaction)

    @tree.context_menu(name=ASK_MENU)
    async def about(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await desk.about(interaction, message)

    @tree.error
    async def failed(interaction: discord.Interaction[Any], error: app_commands.AppCommandError) -> None:
        log.error("a command of Discord's failed", exc_info=error)
        if not interaction.response.is_done():
            await best_effort(interaction.response.send_message(FAILED, ephemeral=True), ACK_SECONDS)

    return tree


async def register(tree: app_commands.CommandTree[Any]) -> None:
    """Tell Discord of them, however long it takes. It keeps them for us while we are away."""
    for wait in growing_waits(longest=LONGEST_WAIT_SECONDS):
        try:
            async with asyncio.timeout(REGISTER_SECONDS):
                await tree.sync()
        except (discord.HTTPException, *UNREACHABLE) as exc:
            log.warning("Discord was not told of our commands: %s", why(exc))
            await asyncio.sleep(wait)
        else:
            return


def _snippet(asked: str) -> str:
    try:
        return ask_for(parsed_wish(Skill.CODE, asked)).text
    except PromptError:  # nothing but a language
        return asked


def _files(attached: discord.Attachment | None) -> tuple[File, ...]:
    if attached is None:
        return ()
    return (File(attached.filename, attached.url, attached.size, attached.content_type or ""),)
