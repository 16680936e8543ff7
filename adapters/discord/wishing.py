"""What a person wants done, however they say so: by a command, a form, a message's menu, or a skill's name behind ours.
Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.attachments import harmless_name
from adapters.called_by_name import question_of
from adapters.discord.events import File
from adapters.discord.reading import title
from adapters.languages import language_of_code
from adapters.wishes import parsed_wish
from conversation.attached import fence_for, with_file
from conversation.errors import PromptError
from conversation.model import Command, InboundMessage, Language, Skill
from conversation.skills import CodeFile, Request, Wish, ask_for

_OPENER = re.compile(r"\s*(?:`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody gave with a command, beside its files. `typed` may hold code too, `code` is nothing else."""

    skill: Skill
    typed: str = ""
    language: Language | None = None
    code: str = ""

    def question(self, files: Sequence[CodeFile] = ()) -> Request:
        """What is asked. Raises PromptError, whose `user_notice` tells the person what is missing."""
        if self.skill is Skill.ASK:
            return Request(_below(self.typed, files), Skill.ASK)
        return ask_for(self._wish(files))

    def shown(self, files: Sequence[File] = ()) -> str:
        """The same as people read it, in Markdown."""
        names = ", ".join(harmless_name(file.name) for file in files)
        beside = f"\n(with {names})" if names else ""
        if self.skill is Skill.ASK:
            return f"{self.typed}{beside}".strip()
        wish = self._wish()
        head = f"{self.skill} in {self.language.name}" if self.language is not None else str(self.skill)
        text = f"{head}: {wish.words}" if wish.words else head
        for file in wish.files:
            fence, tag = fence_for(file.text), file.language or wish.language
            text += f"\n{fence}{tag.tag if tag is not None else ''}\n{file.text.rstrip()}\n{fence}"
        return f"{text}{beside}"

    def title(self, name: str, files: Sequence[File] = ()) -> str:
        """What its thread is called; `name` is who asks."""
        if self.skill is Skill.ASK:
            return title(self.typed, name)
        wish = self._wish()
        if wish.words:
            return title(wish.words, name)
        of = files[0].name if files else next(iter(wish.files), CodeFile("")).text.strip().partition("\n")[0]
        return title(f"{self.skill} {of}", name)

    def _wish(self, files: Sequence[CodeFile] = ()) -> Wish:
        wish = parsed_wish(self.skill, self.typed, files)
        if self.code.strip():
            # Without a fence of its own it is exactly what was pasted.
            pasted = Wish(self.skill, files=(CodeFile(self.code, "", language_of_code(self.code)),))
            pasted = wish_about(self.skill, self.code) if _OPENER.match(self.code) else pasted
            words = "\n".join(part for part in (self.typed.strip(), pasted.words) if part)
            wish = Wish(self.skill, words, pasted.language, (*pasted.files, *files))
        return replace(wish, language=self.language or wish.language)


def wish_about(skill: Skill, text: str, files: Sequence[CodeFile] = ()) -> Wish:
    """What the skill is to do with a message: its code blocks and files are the code, else all of it is."""
    wish = parsed_wish(skill, text, files)
    if wish.files or not text.strip():
        return wish
    return Wish(skill, files=(CodeFile(text, "", language_of_code(text)),))


def heard(message: InboundMessage, files: Sequence[CodeFile], *, by_name: bool) -> InboundMessage:
    """What somebody wrote to us, with its files; `by_name`: its first word may be a skill's name."""
    try:
        if by_name:
            return asking(message, question_of(message.text, files, above=bool(message.above)))
    except PromptError as error:
        if not message.edited_at:  # of a question that is asked already, only what it asks can change
            return replace(message, command=Command.TELL, text=error.user_notice, above=())
    return replace(message, text=_below(message.text, files)) if files else message


def asking(message: InboundMessage, question: Request) -> InboundMessage:
    """The message with this question."""
    return question.into(message)


def _below(text: str, files: Sequence[CodeFile]) -> str:
    for file in files:
        text = with_file(text, file.name, file.text, file.language.tag if file.language else "").strip()
    return text
