"""What a person gives with a command or a form. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.attachments import harmless_name
from adapters.discord.events import File
from adapters.discord.reading import title
from adapters.wishes import entered_wish, parsed_wish
from conversation.attached import fence_for
from conversation.model import Language, Skill
from conversation.skills import CodeFile, Request, Wish, ask_for


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody gave with a command, beside its files. `typed` may hold code too, `code` is nothing else."""

    skill: Skill
    typed: str = ""
    language: Language | None = None
    code: str = ""

    def wish(self, files: Sequence[CodeFile] = ()) -> Wish:
        """What is asked."""
        if self.skill is Skill.ASK:
            return Wish(Skill.ASK, self.typed, files=tuple(files))
        if self.code.strip():
            return entered_wish(self.skill, self.typed, self.code, self.language, files)
        wish = parsed_wish(self.skill, self.typed, files)
        return replace(wish, language=self.language or wish.language)

    def question(self, files: Sequence[CodeFile] = ()) -> Request:
        """As a message carries it. Raises PromptError, whose `user_notice` tells the person what is missing."""
        return ask_for(self.wish(files))

    def shown(self, files: Sequence[File] = ()) -> str:
        """The same as people read it, in Markdown."""
        names = ", ".join(harmless_name(file.name) for file in files)
        beside = f"\n(with {names})" if names else ""
        if self.skill is Skill.ASK:
            return f"{self.typed}{beside}".strip()
        wish = self.wish()
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
        wish = self.wish()
        if wish.words:
            return title(wish.words, name)
        of = files[0].name if files else next(iter(wish.files), CodeFile("")).text.strip().partition("\n")[0]
        return title(f"{self.skill} {of}", name)
