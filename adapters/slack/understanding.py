"""What somebody wrote, with the files that it comes with and the skill that its first word names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.called_by_name import question_of
from adapters.slack.attachments import Attachments, File, Read
from conversation.errors import PromptError
from conversation.model import Command, Skill
from conversation.reception import Heard, Reception
from conversation.skills import CodeFile, Request, Wish, ask_for


class Understanding:
    """Reads files of what concerns us, and of nothing else."""

    def __init__(self, reception: Reception, attachments: Attachments) -> None:
        self._reception, self._attachments = reception, attachments

    async def of(self, heard: Heard, files: Sequence[File], *, is_edit: bool = False) -> Heard | None:
        """The message as it is to be stored; None for one that is nothing but files of which none is text, where nobody
        spoke to us. Raises StoreUnavailable."""
        if heard.external or not (heard.is_ours or files) or not await self._reception.concerns_us(heard):
            return heard
        read = await self._attachments.read(heard.message.address.tenant, files) if files else Read()
        if not (heard.message.text.strip() or heard.is_ours or read.files):
            return None
        return understood(heard, read, is_edit=is_edit)


def understood(heard: Heard, read: Read, *, is_edit: bool = False) -> Heard:
    """The question that a message asks with its files. A skill that lacks something says so in its answer's place; an
    edited question is then what it says."""
    message = heard.message
    if not heard.is_ours:
        question = _in_words(message.text, read.files)
    else:
        # What stands above is read, or is what was said in this thread already.
        above = bool(message.above) or message.message_id != message.address.thread
        try:
            question = question_of(message.text, read.files, above=above)
        except PromptError as error:
            if not is_edit:
                return _told(heard, error.user_notice, read)
            question = _in_words(message.text, read.files)
        if not question.text and read.remarks and not is_edit:
            return _told(heard, "", read)
    asked = question.into(message)
    if read.files:
        # A mention with a file says what it means.
        asked = replace(asked, above=tuple(entry for entry in message.above if entry != "channel"))
    return replace(heard, message=replace(asked, remarks=read.remarks))


def _told(heard: Heard, sentence: str, read: Read) -> Heard:
    told = replace(heard.message, text=sentence, command=Command.TELL, above=(), remarks=read.remarks)
    return replace(heard, message=told)


def _in_words(text: str, files: tuple[CodeFile, ...]) -> Request:
    return ask_for(Wish(Skill.ASK, text, files=files))
