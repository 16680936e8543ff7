"""What somebody wrote to us, as the question to be stored: with its files, and the skill that it names first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.called_by_name import wish_of
from adapters.fetching import Read
from adapters.wishes import unused_words
from conversation.errors import PromptError
from conversation.model import Command, InboundMessage, Skill
from conversation.skills import CodeFile, Wish, ask_for

# Said to us with a message's menu.
ASK_ABOUT_IT = "Please answer this message."


def understood(message: InboundMessage, read: Read, *, by_name: bool, above: bool) -> InboundMessage:
    """The question that a message asks with its files; `by_name`: its first word may be a skill's name; `above`: what
    it points to may stand before it. A skill that lacks something says so in its answer's place; of an edited question,
    which is asked already, only what it says can change."""
    is_new = not message.edited_at
    wish = wish_of(message.text, read.files, above=above) if by_name else _in_words(message.text, read.files)
    try:
        question = ask_for(wish, above=above, edited=not is_new)
    except PromptError as error:
        if is_new:
            return _told(message, error.user_notice, read.remarks)
        wish = _in_words(message.text, read.files)
        question = ask_for(wish)
    if by_name and is_new and read.remarks and not question.text:
        return _told(message, "", read.remarks)
    if read.files:
        # A mention with a file says what it means.
        message = replace(message, above=tuple(entry for entry in message.above if entry != "channel"))
    return replace(question.into(message), remarks=remarks_on(wish, read))


def remarks_on(wish: Wish, read: Read) -> str:
    """What its person is told below the answer: of words and of files that were not used."""
    return "\n".join(filter(None, (unused_words(wish), read.remarks)))


def _told(message: InboundMessage, sentence: str, remarks: str) -> InboundMessage:
    return replace(message, text=sentence, command=Command.TELL, above=(), remarks=remarks)


def _in_words(text: str, files: Sequence[CodeFile]) -> Wish:
    return Wish(Skill.ASK, text, files=tuple(files))
