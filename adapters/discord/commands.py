"""The application commands: one for each skill, `/ask`, `/settings` and the like, and those in a message's menu."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import discord
from discord import app_commands

from adapters.discord.acknowledging import say
from adapters.discord.desk import FAILED, Desk, file_of
from adapters.discord.events import File
from adapters.discord.lookups import UNREACHABLE, why
from adapters.discord.settings import SettingsDesk
from adapters.discord.wishing import Given
from adapters.languages import language_named, languages_like
from conversation import notices
from conversation.model import Language, Skill
from conversation.preferences import Entered
from conversation.skills import SKILLS
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

ASK_MENU = "Ask Corral about this"
# Discord takes five for a message (docs: interactions/application-commands).
MENUS = {
    ASK_MENU: Skill.ASK,
    "Explain this": Skill.EXPLAIN,
    "Review this": Skill.REVIEW,
    "Fix this": Skill.FIX,
    "Test this": Skill.TEST,
}
MAX_CHOICES = 25  # Discord's limit (docs: interactions/application-commands, autocomplete)
MAX_QUESTION = 6000  # of a command's option
# Tried for as long as we run; seldom, for each try that Discord refuses counts towards a ban of our address.
REGISTER_SECONDS, LONGEST_WAIT_SECONDS = 30.0, 600.0

_PRIVATE = "Show the answer to you alone"
_PASTE = "Open a form for code of many lines"
_LANGUAGE = "The programming language"
_FILE = "The code, as a file"
_WORDS = {
    Skill.EXPLAIN: "What you want to know about it, or a line of code",
    Skill.REVIEW: "What is to be looked at, or a line of code",
    Skill.FIX: "What is wrong with it, or a line of code",
    Skill.TEST: "What is to be tested, or a line of code",
}

Interaction = discord.Interaction[Any]
Typed = app_commands.Range[str, 1, MAX_QUESTION]
Choices = list[app_commands.Choice[str]]


def build_tree(
    client: discord.Client, desk: Desk, settings: SettingsDesk, *, direct: bool
) -> app_commands.CommandTree[Any]:
    """The commands, for servers that installed us and, with `direct`, for direct messages."""
    tree: app_commands.CommandTree[Any] = app_commands.CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=direct, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )
    _add_ask(tree, desk)
    _add_code(tree, desk)
    for skill in _WORDS:
        _add_in_words(tree, desk, skill)
    for skill in (Skill.COMPLETE, Skill.FILL):
        _add_of_code(tree, desk, skill)
    for name, skill in MENUS.items():
        _add_menu(tree, desk, name, skill)
    _add_others(tree, desk)
    tree.add_command(_settings(settings))

    @tree.error
    async def failed(interaction: Interaction, error: app_commands.AppCommandError) -> None:
        log.error("a command of Discord's failed", exc_info=error)
        if not interaction.response.is_done():
            await say(interaction, FAILED)

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


# --- the skills


def _add_ask(tree: app_commands.CommandTree[Any], desk: Desk) -> None:
    @tree.command(name="ask", description="Ask a coding question")
    @app_commands.describe(question="What you want to know", file="Code or text that belongs to it", private=_PRIVATE)
    async def ask(
        interaction: Interaction, question: Typed, file: discord.Attachment | None = None, private: bool = False
    ) -> None:
        await desk.ask(interaction, Given(Skill.ASK, question), private=private, files=_files(file))


def _add_code(tree: app_commands.CommandTree[Any], desk: Desk) -> None:
    @tree.command(name="code", description=SKILLS[Skill.CODE].summary)
    @app_commands.describe(
        what="What it should do; without it, a form opens",
        language="The language to write it in",
        file="Code that belongs to it",
        private=_PRIVATE,
        paste=_PASTE,
    )
    async def code(
        interaction: Interaction,
        what: Typed | None = None,
        language: str = "",
        file: discord.Attachment | None = None,
        private: bool = False,
        paste: bool = False,
    ) -> None:
        await _do(desk, interaction, Skill.CODE, what, language, file, private, paste)

    code.autocomplete("language")(_languages)


def _add_in_words(tree: app_commands.CommandTree[Any], desk: Desk, skill: Skill) -> None:
    @app_commands.describe(words=_WORDS[skill], file=_FILE, language=_LANGUAGE, private=_PRIVATE, paste=_PASTE)
    async def in_words(
        interaction: Interaction,
        words: Typed | None = None,
        file: discord.Attachment | None = None,
        language: str = "",
        private: bool = False,
        paste: bool = False,
    ) -> None:
        await _do(desk, interaction, skill, words, language, file, private, paste)

    _command(tree, skill, in_words)


def _add_of_code(tree: app_commands.CommandTree[Any], desk: Desk, skill: Skill) -> None:
    @app_commands.describe(
        code="One line of code; without it, a form opens",
        file=_FILE,
        language=_LANGUAGE,
        private=_PRIVATE,
        paste=_PASTE,
    )
    async def of_code(
        interaction: Interaction,
        code: Typed | None = None,
        file: discord.Attachment | None = None,
        language: str = "",
        private: bool = False,
        paste: bool = False,
    ) -> None:
        await _do(desk, interaction, skill, code, language, file, private, paste)

    _command(tree, skill, of_code)


def _command(tree: app_commands.CommandTree[Any], skill: Skill, act: Callable[..., Coroutine[Any, Any, None]]) -> None:
    command = app_commands.Command[Any, ..., None](name=skill, description=SKILLS[skill].summary, callback=act)
    command.autocomplete("language")(_languages)
    tree.add_command(command)


async def _do(
    desk: Desk,
    interaction: Interaction,
    skill: Skill,
    typed: str | None,
    named: str,
    file: discord.Attachment | None,
    private: bool,
    paste: bool,
) -> None:
    language: Language | None = None
    if named.strip() and (language := language_named(named)) is None:
        await say(interaction, notices.no_such_language(named.strip()))
        return
    await desk.ask(interaction, Given(skill, typed or "", language), private=private, files=_files(file), paste=paste)


def _add_menu(tree: app_commands.CommandTree[Any], desk: Desk, name: str, skill: Skill) -> None:
    @tree.context_menu(name=name)
    async def about(interaction: Interaction, message: discord.Message) -> None:
        await desk.about(interaction, message, skill)


# --- the others


def _add_others(tree: app_commands.CommandTree[Any], desk: Desk) -> None:
    @tree.command(name="forget", description="Remove this conversation from my memory")
    async def forget(interaction: Interaction) -> None:
        await desk.forget(interaction)

    @tree.command(name="help", description="What I can do, with examples")
    async def help_(interaction: Interaction) -> None:
        await desk.help(interaction)

    @tree.command(name="status", description="Which model answers, how busy it is, and what is set here")
    async def status(interaction: Interaction) -> None:
        await desk.status(interaction)


def _settings(settings: SettingsDesk) -> app_commands.Group:
    """Members are told that they may not change a channel's: Discord cannot hide a part of a command from them."""
    group = app_commands.Group(name="settings", description="What holds for new threads")
    about = {
        "language": "The language of code, such as TypeScript; `none` unsets it",
        "additions": "What every answer follows; who reads your threads can find out what it is; `none` unsets it",
        "temperature": "0: always the same answer, 0.2: good for code, 2: the most varied; `none` unsets it",
        "length": "The longest answer, in tokens: 1,000 are about 700 words; `none` unsets it",
        "reset": "Unset everything",
    }

    def add(name: str, description: str, *, of_channel: bool) -> None:
        @group.command(name=name, description=description)
        @app_commands.describe(**about)
        @app_commands.rename(additions="instructions", temperature="variety")
        async def change(
            interaction: Interaction,
            language: Typed | None = None,
            additions: Typed | None = None,
            temperature: Typed | None = None,
            length: Typed | None = None,
            reset: bool = False,
        ) -> None:
            entered = Entered(language, additions, temperature, length)
            await settings.settings(interaction, entered, of_channel=of_channel, reset=reset)

        change.autocomplete("language")(_languages)

    add("mine", "What holds for you here: shown, or changed", of_channel=False)
    add("channel", "What holds for everybody in this channel: shown, or changed by who manages it", of_channel=True)
    return group


async def _languages(_: Interaction, typed: str) -> Choices:
    found = languages_like(typed, MAX_CHOICES)
    return [app_commands.Choice(name=language.name, value=language.name) for language in found]


def _files(attached: discord.Attachment | None) -> tuple[File, ...]:
    return (file_of(attached),) if attached is not None else ()
