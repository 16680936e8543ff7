"""Where people's commands, forms and buttons are answered, within Discord's three seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO

import discord

from adapters.discord import helping, interactions
from adapters.discord.acknowledging import ACK_SECONDS, acknowledged, add, best_effort, say, tell, think
from adapters.discord.attachments import Attachments
from adapters.discord.channels import Kind
from adapters.discord.events import File
from adapters.discord.formatting import to_discord
from adapters.discord.forms import MOST_TYPED, Filled, form
from adapters.discord.identity import NOT_DIRECT
from adapters.discord.interactions import called
from adapters.discord.pending import Pending, until_seen_to
from adapters.discord.people import People
from adapters.discord.rendering import MAX_CONTENT
from adapters.discord.roots import show_root
from adapters.discord.wishing import Given
from adapters.understanding import remarks_on
from conversation import notices
from conversation.attached import fence_for
from conversation.errors import CorralError, DeliveryError, NotAllowed, PromptError, Refused, StoreUnavailable
from conversation.model import Action, Skill
from conversation.order import InOrder
from conversation.reception import Heard, Press, Reception
from conversation.skills import Request, Wish, ask_for

log = logging.getLogger(__name__)

STORE_SECONDS = 5.0  # they were answered before: only patience ends here

THREAD_COMES = "The answer comes in a moment, in a thread of that message."
ANSWER_COMES = "The answer comes in a moment."
SHOWN_HERE = "It stands here in a moment, for everybody to see."
NOT_HERE = "I may not answer in this channel; I would need: {missing}. With `private` I can answer you alone."
NOT_SHOWN_HERE = "I may not show it in this channel; I would need: {missing}."
NOTHING_ASKED = "Ask me something: `/ask question`."
FAILED = "Something went wrong on my side. Please try again."
AS_YOU_TYPED_IT = "This is what you typed, to copy it:"
AS_YOU_TYPED_IT_IN_A_FILE = "What you typed is in this file, to copy it."
TOO_LONG_FOR_A_FORM = (
    f"A form takes up to {MOST_TYPED:,} characters; you gave {{given:,}}. Send it as the command's `file`."
)

_ASK = frozenset({Action.CONTINUE, Action.AGAIN, Action.TRY})
_SHOW = frozenset({Action.SHARE, Action.THREAD})
_MOST_RETURNED = 1700  # characters of what was typed
_SHORT_ECHO, _MOST_TOLD = 900, 900  # characters of the question and of what went wrong, in one message


class Desk:
    """Answers interactions. Each method is given one, and raises nothing that is foreseen. Without `direct` nothing new
    is asked in direct messages: Discord offers no commands there, but buttons below old answers."""

    def __init__(
        self,
        reception: Reception,
        attachments: Attachments,
        pending: Pending,
        people: People,
        *,
        direct: bool = True,
    ) -> None:
        self._reception, self._attachments, self._people, self._direct = reception, attachments, people, direct
        self._order = InOrder()
        self.pending = pending

    @until_seen_to
    async def ask(
        self,
        interaction: discord.Interaction,
        given: Given,
        *,
        private: bool = False,
        files: Sequence[File] = (),
        paste: bool = False,
    ) -> None:
        """A command: it asks, or opens a form for what it lacks, or for what is to be pasted. In direct messages
        everything is private already."""
        is_asked = await self._check(interaction, given, private=private, files=files, can_open_form=True, paste=paste)
        if is_asked:
            await self._ask(interaction, given, private, files)

    @until_seen_to
    async def submitted(self, interaction: discord.Interaction, sent: Filled) -> None:
        """A form was filled in, whichever process opened it."""
        try:
            if await self._check(interaction, sent.given, private=sent.private):
                await self._ask(interaction, sent.given, sent.private)
        except Exception:  # nobody else would tell them
            log.exception("a form of Discord's failed")
            if not interaction.response.is_done():
                await say(interaction, FAILED)

    @until_seen_to
    async def about(self, interaction: discord.Interaction, message: discord.Message, skill: Skill = Skill.ASK) -> None:
        """The wish to have somebody's message answered, or `skill` done with the code in it."""
        by = called(interaction)
        if await self._is_refused(interaction):
            return
        if missing := interactions.missing_permissions(interaction):
            await say(interaction, NOT_HERE.format(missing=", ".join(missing)))
        elif await think(interaction):
            files = tuple(file_of(attachment) for attachment in message.attachments) if skill is not Skill.ASK else ()
            about = interactions.about_message(by, str(message.id), message.content)
            error = await self._about(about, skill, files)
            coming = THREAD_COMES if by.place.kind is Kind.CHANNEL else ANSWER_COMES
            await tell(interaction, error or coming)

    @until_seen_to
    async def forget(self, interaction: discord.Interaction) -> None:
        """The wish to have a conversation forgotten."""
        if await self._is_refused(interaction):
            return
        if await think(interaction) and (error := await self._store(interactions.forget(called(interaction)))):
            await tell(interaction, error)

    @until_seen_to
    async def status(self, interaction: discord.Interaction) -> None:
        """The wish to know how things stand."""
        if await self._is_refused(interaction):
            return
        if await think(interaction) and (error := await self._store(interactions.status(called(interaction)))):
            await tell(interaction, error)

    @until_seen_to
    async def help(self, interaction: discord.Interaction) -> None:
        """What can be done, with examples to press: whatever else is away, this is there."""
        if not await self._is_refused(interaction):
            direct = called(interaction).place.kind is Kind.DIRECT
            await say(interaction, helping.text(direct=direct), view=helping.examples())

    @until_seen_to
    async def press(
        self, interaction: discord.Interaction, action: Action, target: str, asked_in: tuple[str, str] | None = None
    ) -> None:
        """A button. It is acknowledged first: what a worker then edits may be what the acknowledgement is about.
        `asked_in` as in `interactions.press`."""
        if not await acknowledged(interaction.response.defer()) or interaction.message is None:
            return
        by, is_private = called(interaction), interaction.message.flags.ephemeral
        message_id = str(interaction.message.id)
        if action in _ASK and asked_in is None and by.place.kind is Kind.DIRECT and not self._direct:
            sentence = NOT_DIRECT
        elif action in _SHOW and (missing := interactions.missing_to_show(interaction, action)):
            sentence = NOT_SHOWN_HERE.format(missing=", ".join(missing))
        elif action in _SHOW:
            sentence = await self._pressed(interactions.showing(by, action, target, message_id)) or SHOWN_HERE
        else:
            sentence = await self._pressed(
                interactions.press(by, action, target, message_id, is_private=is_private, asked_in=asked_in)
            )
        if sentence:
            await add(interaction, sentence)

    # --- steps

    async def _check(
        self,
        interaction: discord.Interaction,
        given: Given,
        *,
        private: bool,
        files: Sequence[File] = (),
        can_open_form: bool = False,
        paste: bool = False,
    ) -> bool:
        """Whether it can be asked here as it is; if not, the person is told why, or given a form."""
        if await self._is_refused(interaction):
            return False
        lacking = _lacking(given) if not files else ""
        if not _is_hidden(interaction, private) and (missing := interactions.missing_permissions(interaction)):
            await say(interaction, NOT_HERE.format(missing=", ".join(missing)))
        elif (lacking or (paste and not files)) and can_open_form and given.skill is not Skill.ASK:
            if len(given.typed) > MOST_TYPED:
                await say(interaction, TOO_LONG_FOR_A_FORM.format(given=len(given.typed)))
            else:
                await best_effort(interaction.response.send_modal(form(given, private=private)), ACK_SECONDS)
        elif lacking:
            await _say_what_lacks(interaction, lacking, given)
        else:
            return True
        return False

    async def _is_refused(self, interaction: discord.Interaction) -> bool:
        """Whether this person may not ask here; they alone are told. Before everybody sees what they ask."""
        by = called(interaction)
        refusal = self._reception.turns_away(by.person(by.place.address(by.id)))
        if refusal:
            await say(interaction, refusal)
        return bool(refusal)

    async def _ask(
        self, interaction: discord.Interaction, given: Given, private: bool, files: Sequence[File] = ()
    ) -> None:
        by = called(interaction)
        thread_title = given.title(by.name, files)
        if _is_hidden(interaction, private):
            if await think(interaction):
                error = await self._read_and_store(
                    given, files, lambda question: interactions.private_question(by, question, thread_title)
                )
                if error:
                    await tell(interaction, error)
            return
        shown = given.shown(files)
        root = await show_root(interaction, interactions.echo(by.name, shown))
        if root is None:
            return
        error = await self._read_and_store(
            given, files, lambda question: interactions.public_question(by, root, question, thread_title)
        )
        if error:
            await tell(interaction, f"{interactions.echo(by.name, shown, _SHORT_ECHO)}\n\n{error[:_MOST_TOLD]}")

    async def _read_and_store(self, given: Given, files: Sequence[File], heard_of: Callable[[Request], Heard]) -> str:
        """Have the question stored with its files; gives what the person is told when that failed."""
        read = await self._attachments.read(files)
        wish = given.wish(read.files)
        try:
            question = ask_for(wish)
        except PromptError as error:
            return f"{error.user_notice}\n{read.remarks}".strip()
        if not question.text.strip():
            return f"{NOTHING_ASKED}\n{read.remarks}".strip()
        return await self._store(heard_of(question), remarks_on(wish, read))

    async def _about(self, about: Heard, skill: Skill, files: Sequence[File]) -> str:
        """The same for the menu of a message. Its text is read with what stands above, so that whoever deletes or edits
        it changes what is remembered of it."""
        if skill is Skill.ASK:
            return await self._store(about)
        read = await self._attachments.read(files)
        try:
            question = ask_for(Wish(skill, files=read.files), above=True)
        except PromptError as error:
            return f"{error.user_notice}\n{read.remarks}".strip()
        return await self._store(replace(about, message=question.into(about.message)), read.remarks)

    async def _store(self, heard: Heard, remarks: str = "") -> str:
        heard = replace(heard, message=replace(heard.message, remarks=remarks))
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._reception.hear(heard)
        except CorralError as error:
            log.warning("a command was not stored: %s", error)
            return error.user_notice
        except TimeoutError:
            return StoreUnavailable.user_notice
        return ""

    async def _pressed(self, pressed: Press) -> str:
        """What the person is told of it."""
        try:
            # A double click is two presses at once: the second is to find what came of the first.
            async with asyncio.timeout(STORE_SECONDS), self._order.turn(pressed.message_id):
                return await self._reception.pressed(await self._known(pressed))
        except (StoreUnavailable, Refused) as error:
            return error.user_notice
        except TimeoutError:
            return StoreUnavailable.user_notice

    async def _known(self, pressed: Press) -> Press:
        """With the roles that the person has where the button's conversation is, if it depends on them."""
        if not self._reception.is_undecided(pressed.person):
            return pressed
        try:
            now = await self._people.standing(pressed.person)
        except DeliveryError as error:
            log.info("the roles of who presses are not known: %s", error)
            return pressed
        if now is None:
            raise NotAllowed("left the server", user_notice=notices.NOT_ALLOWED)
        return replace(pressed, person=now)


def file_of(attachment: discord.Attachment) -> File:
    """What somebody attached."""
    return File(attachment.filename, attachment.url, attachment.size, attachment.content_type or "")


def _is_hidden(interaction: discord.Interaction, private: bool) -> bool:
    return private and called(interaction).place.kind is not Kind.DIRECT


def _lacking(given: Given) -> str:
    """What it needs to be asked, as a sentence; "" for nothing."""
    try:
        return "" if given.question().text.strip() else NOTHING_ASKED
    except PromptError as error:
        return error.user_notice


async def _say_what_lacks(interaction: discord.Interaction, sentence: str, given: Given) -> None:
    """Discord opens no second form, and what was typed into the first is gone: they get all of it back."""
    typed = "\n\n".join(part for part in (given.typed, given.code) if part)
    fence = fence_for(typed)
    if not given.code:
        await say(interaction, sentence)
    elif len(typed) + 2 * len(fence) > _MOST_RETURNED:
        file = discord.File(BytesIO(typed.encode()), "typed.txt")
        await say(interaction, f"{sentence}\n{AS_YOU_TYPED_IT_IN_A_FILE}", file=file)
    else:
        await say(interaction, to_discord(f"{sentence}\n{AS_YOU_TYPED_IT}\n{fence}\n{typed}\n{fence}", MAX_CONTENT))
