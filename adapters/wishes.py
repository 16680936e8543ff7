"""What a person typed behind a skill's name, taken apart: words, language and code. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.languages import language_meant, language_named, language_of_code, language_of_line
from conversation.model import Skill
from conversation.prompts.infill import HOLE
from conversation.skills import SKILLS, CodeFile, Language, Wish, is_in_words

# A fence may begin behind words on its line: Slack and Discord take it so, and people type it so.
_OPENER = re.compile(r"(?<!`)`{3,}(?!`)|^[ ]{0,3}~{3,}", re.MULTILINE)
_TAG = re.compile(r"[ \t]{0,8}([\w.+#-]*)[ \t]{0,8}(\r?\n|\Z)")
_BEGINS_WITH_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")
_INLINE = re.compile(r"`+([^`\n]+)`+")
# More would be no question, and each is looked for up to the text's end.
_MAX_BLOCKS = 40

# What is hardly ever written in a sentence: calls, operators, statements' beginnings and ends, options, indented lines.
_CODE = re.compile(
    r"\w\((?!s\))|\w\[|\]\(|[{};][ \t]*$|[!=<>+*/%-]=|\s=\s|=>|->|::|</\w|\$[A-Za-z_{(]|&&|\s\|\s|\s--?\w|"
    r"^[ \t]+\S.*\n|^[ \t]*(?:[#@]\w+|def \w|class \w+[:({ ]*$|(?:if|elif|for \w+ in|while|with|try|except)\b.*:$|"
    r"import [\w.]+;?$|from [\w.]+ import|(?:public|private|static) \w|(?:const|let|var) \w+\s?=|"
    r"SELECT\b.*\bFROM\b|INSERT INTO|UPDATE \w+ SET)",
    re.MULTILINE,
)


# "fix this", "review the function above": what is meant stands elsewhere.
_POINTS = re.compile(
    r"(?:please|above|it|this|that|these|those|"
    r"the (?:above|class|code|file|function|method|query|script|snippet|test))\b",
    re.IGNORECASE,
)
# "explain why f() is slow" asks about code, and is none.
_ASKS = re.compile(
    r"(?:how|why|what|when|where|which|who|whether|if|the difference|to me|me how|me why|me what)\b", re.IGNORECASE
)
_MOST_POINTING = 4  # words: "the code above please"
_WORDS_NOT_USED = "I {skill} the code alone: what was said beside it is not used."


@dataclass(frozen=True, slots=True)
class Fenced:
    """A code block in a text: what it is tagged with, its code, and where it stands (characters, starts at 0)."""

    tag: str
    code: str
    begin: int
    end: int


def parsed_wish(skill: Skill, typed: str, files: Sequence[CodeFile] = ()) -> Wish:
    """What `typed`, with attached `files`, asks of the skill.

    Fenced code is code and what stands around it are words; a language may stand first, in the words or behind the
    fence. Without a fence, what reads like code is code, unless files are there. For completion and infilling code is
    exactly what was pasted, without a fence's own lines; there a fence only counts where it is all but for a line of
    words above it, since code may hold fences itself.
    """
    if is_in_words(skill):
        return _in_words(skill, typed, files)
    if files:
        language, words = language_meant(typed)
        return Wish(skill, words.strip(), language, tuple(files))
    words, blocks = _around(typed)
    whole = blocks and not typed[blocks[-1].end :].strip() and "\n" not in typed[: blocks[0].begin].strip("\r\n")
    if whole and (skill is not Skill.FILL or any(HOLE in block.code for block in blocks)):
        language, words = language_meant(words)
        return Wish(skill, words.strip(), language, tuple(_code_file(block.code, block.tag) for block in blocks))
    language, code = _language_line(typed)
    return Wish(skill, "", language, (_code_file(code),) if code.strip() else ())


def entered_wish(
    skill: Skill, words: str, code: str, language: Language | None, files: Sequence[CodeFile] = ()
) -> Wish:
    """What is asked by fields of their own. What stands in the one for code is exactly that, whatever it looks like;
    only where it begins with a fence this is taken away, and what stands below the block are words."""
    pasted = Wish(skill)
    if code.strip():
        is_fenced = _BEGINS_WITH_FENCE.match(code) is not None
        pasted = parsed_wish(skill, code) if is_fenced else Wish(skill, files=(_code_file(code),))
    said = "\n".join(part for part in (words.strip(), pasted.words) if part)
    return Wish(skill, said, language or pasted.language, (*pasted.files, *files))


def code_in(skill: Skill, text: str) -> CodeFile | None:
    """The one piece of code in somebody's message, marked or read as such; None where there is none, or several."""
    files = parsed_wish(skill, text.strip("\n")).files
    return files[0] if len(files) == 1 else None


def reads_like_code(text: str) -> bool:
    """Whether something in it is hardly ever written in a sentence."""
    return HOLE in text or _CODE.search(text) is not None


def reads_like_question(words: str) -> bool:
    """Whether words that may hold code are words all the same: "why does f(x) fail?"."""
    return _ASKS.match(words.lstrip()) is not None


def points(words: str) -> bool:
    """Whether words begin by pointing at code that stands elsewhere; no words point, too."""
    return _POINTS.match(words.lstrip()) is not None or not any(letter.isalnum() for letter in words)


def unused_words(wish: Wish) -> str:
    """What people are told whose words are not used; "" for nothing."""
    only_points = points(wish.words) and len(wish.words.split()) <= _MOST_POINTING
    return "" if is_in_words(wish.skill) or only_points else _WORDS_NOT_USED.format(skill=wish.skill)


def fenced(text: str) -> tuple[Fenced, ...]:
    """The text's code blocks in order. A block whose code begins on a line of its own ends with a fence that begins a
    line, if there is one; a block that nothing closes goes on to the end."""
    found: list[Fenced] = []
    position = 0
    while len(found) < _MAX_BLOCKS and (opener := _OPENER.search(text, position)) is not None:
        block = _block(text, opener)
        found.append(block)
        position = block.end
    return tuple(found)


def _in_words(skill: Skill, typed: str, files: Sequence[CodeFile]) -> Wish:
    words, blocks = _around(typed)
    pasted = [_code_file(block.code, block.tag) for block in blocks if block.code.strip()]
    needs_code = skill in SKILLS and SKILLS[skill].needs_code
    if not pasted and not files and needs_code:
        words, code = _apart(words)
        pasted = [_code_file(code)] if code.strip() else []
    language, words = (None, words) if skill is Skill.ASK else language_meant(words.strip())
    return Wish(skill, words.strip(), language, (*pasted, *files))


def _around(typed: str) -> tuple[str, tuple[Fenced, ...]]:
    """The words outside of code blocks, and the blocks."""
    blocks = fenced(typed)
    begins, ends = [0, *(block.end for block in blocks)], [*(block.begin for block in blocks), len(typed)]
    outside = (typed[begin:end].strip() for begin, end in zip(begins, ends, strict=True))
    return ("\n".join(part for part in outside if part) if blocks else typed), blocks


def _block(text: str, opener: re.Match[str]) -> Fenced:
    run = opener[0].strip()
    tag = _TAG.match(text, opener.end())
    if tag is not None and tag[2]:
        closer = re.compile(rf"^[ ]{{0,3}}{run[0]}{{{len(run)},}}(?=\s|\Z)", re.MULTILINE).search(text, tag.end())
        begin, info = tag.end(), tag[1]
    else:
        closer, begin, info = None, opener.end(), ""
    if closer is not None:
        # The line end before it is the fence's.
        code = text[begin : closer.start()].removesuffix("\n").removesuffix("\r")
        return Fenced(info, code, opener.start(), closer.end())
    inline = re.compile(rf"(?<!{run[0]}){run[0]}{{{len(run)}}}(?!{run[0]})").search(text, begin)
    end = inline.start() if inline is not None else len(text)
    return Fenced(info, text[begin:end], opener.start(), inline.end() if inline is not None else end)


def _apart(typed: str) -> tuple[str, str]:
    """Words and code of a text without fences: a first line that reads like words is words."""
    if (inline := _INLINE.fullmatch(typed.strip())) is not None:
        return "", inline[1]
    first, _, rest = typed.partition("\n")
    is_words = _CODE.search(first) is None and first == first.lstrip()
    if rest.strip() and is_words and (" " in first or language_of_line(first) is not None):
        return (first, rest) if _CODE.search(rest) or _CODE.search(f"{rest}\n") else (typed, "")
    language, without = language_meant(typed)
    if language is not None and without != typed and _CODE.search(without):
        return typed[: len(typed) - len(without)], without
    return ("", typed) if _CODE.search(typed) else (typed, "")


def _language_line(typed: str) -> tuple[Language | None, str]:
    """A first line that is nothing but a language, and the rest as it is."""
    first, end, rest = typed.partition("\n")
    language = language_of_line(first) if end and rest.strip() else None
    return (language, rest) if language is not None else (None, typed)


def _code_file(code: str, tag: str = "") -> CodeFile:
    return CodeFile(code, "", language_named(tag) or language_of_code(code))
