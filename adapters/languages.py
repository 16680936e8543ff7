"""Programming languages: how people call them, which files they stand in, what a code block is tagged with.

Pygments knows the names, the files and the first lines (pygments.org/languages). Its own first name is not always the
one that people and highlighters use, so a few are given here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from pygments.lexers import find_lexer_class_for_filename, get_all_lexers, get_lexer_by_name  # type: ignore[import-untyped]

from conversation.skills import Language

# Pygments' first alias -> what people say, and a tag that Discord's and Slack's highlighters know too.
_BETTER = {
    "batch": Language("Batch", "bat"),
    "common-lisp": Language("Lisp", "lisp"),
    "cr": Language("Crystal", "crystal"),
    "delphi": Language("Pascal", "pascal"),
    "docker": Language("Dockerfile", "dockerfile"),
    "gas": Language("Assembly", "asm"),
    "make": Language("Makefile", "makefile"),
    "matlab": Language("MATLAB", "matlab"),
    "nimrod": Language("Nim", "nim"),
    "nixos": Language("Nix", "nix"),
    "objective-c": Language("Objective-C", "objectivec"),
    "postgresql": Language("PostgreSQL", "postgresql"),
    "splus": Language("R", "r"),
    "systemverilog": Language("SystemVerilog", "systemverilog"),
    "tex": Language("LaTeX", "latex"),
    "vb.net": Language("VB.NET", "vbnet"),
    "verilog": Language("Verilog", "verilog"),
    "vhdl": Language("VHDL", "vhdl"),
}
# What Pygments does not know, and what it takes for another language's.
_MORE = {"jq": Language("jq", "jq"), "vba": Language("VBA", "vba"), "zsh": Language("Zsh", "zsh")}
_ALSO = {
    "assembler": "gas", "assembly": "gas", "cmd": "batch", "kt": "kotlin", "node": "javascript", "nodejs": "javascript",
    "patch": "diff", "py3": "python", "svelte": "html", "vb": "vb.net",
}  # fmt: skip
_NO_LANGUAGES = frozenset({"text", "output"})

# What people ask for, the most common first: what is offered before all others, and what a question's first word is
# taken for. Not all of Pygments': that knows languages called `email`, `control`, `text` and `properties`.
_COMMON = """
    python javascript typescript java csharp cpp c go rust php ruby swift kotlin bash sql html css splus powershell
    scala dart perl lua haskell elixir objective-c matlab julia groovy jsx tsx yaml json docker terraform make clojure
    fsharp erlang ocaml vb.net vba gas zsh awk sed jq graphql solidity scss tex fortran cobol delphi ada scheme
    common-lisp prolog tcl cuda zig nim nixos crystal elm verilog vhdl toml xml markdown protobuf batch
"""
# Names that begin an ordinary sentence too: "make a list", "batch rename files", "node that prints", "react component".
_NEVER_FIRST = frozenset({"batch", "cmd", "docker", "make", "node", "patch", "react", "text"})
# "Go through the lines" is no Go. "go sort a slice" is.
_ENGLISH = frozenset({"ada", "crystal", "dart", "elm", "go", "julia", "ruby", "rust", "scheme", "swift"})
_AFTER_ENGLISH = frozenset(
    {"ahead", "along", "and", "around", "away", "back", "board", "down", "for", "into", "is", "on", "over", "that"}
    | {"through", "to", "up", "way", "which"}
)
_LOOPS = frozenset({"loop", "loops"})  # "go for loop"
# "as JSON", "in YAML" is what a program writes, not what it is written in.
_FORMATS = frozenset({"json", "yaml", "toml", "xml", "markdown", "diff"})

_FIRST_WORD = re.compile(r"\s*(\S+)(\s*)(.*)", re.DOTALL)
_WRITTEN_IN = re.compile(r"\b(?:in|using)[ \t]+([A-Za-z][\w.+#-]*)", re.IGNORECASE)

# Kinds of files that several languages share -> the one that is meant here.
_FILES = {
    ".bas": "vba", ".cls": "vba", ".fs": "fsharp", ".inc": "", ".jq": "jq", ".mod": "", ".pl": "perl", ".pro": "",
    ".r": "r", ".s": "asm", ".sql": "sql", ".svelte": "html", ".t": "", ".zsh": "zsh",
}  # fmt: skip
# Of a language's kinds of files the usual one, where Pygments has another first.
_ENDINGS = {
    "r": ".r",
    "lisp": ".lisp",
    "fortran": ".f90",
    "makefile": ".mk",
    "jq": ".jq",
    "vba": ".bas",
    "zsh": ".zsh",
    "asm": ".s",
}

# Those that know themselves by the first line of a file.
_TELLING = ("python", "bash", "perl", "ruby", "php", "html", "xml")


def language_named(word: str) -> Language | None:
    """The language that a person calls so, whatever its case: "py", "c++", "ts", "golang", "C#". None for others."""
    return _names().get(word.strip().lower())


def language_meant(words: str) -> tuple[Language | None, str]:
    """The language that a sentence asks for, with its first word or with "in ..." later, and the sentence without that
    first word. A word that is also an ordinary one counts only where it reads as a language."""
    found = _FIRST_WORD.match(words)
    if found is None:
        return None, words
    first, rest = found[1].rstrip(":,"), found[3]
    language = _common().get(first.lower())
    if language is not None and _is_meant(first.lower(), rest, is_set_off=first != found[1]):
        return language, rest
    later = [language for name in _WRITTEN_IN.findall(words) if (language := _written_in(name)) is not None]
    return (later[-1] if later else None), words


def language_of_line(line: str) -> Language | None:
    """The language that a line of its own above code names. Only a common one, and no word that is a command, too:
    `make` above `./a.out` is code."""
    word = line.strip().lower()
    return None if word in _NEVER_FIRST else _common().get(word)


def language_of_file(name: str) -> Language | None:
    """The language of a file, by its name alone."""
    path = PurePosixPath(name.replace("\\", "/"))
    known = _FILES.get(path.suffix.lower())
    if known is not None:
        return language_named(known)
    lexer = find_lexer_class_for_filename(path.name) or find_lexer_class_for_filename(path.name.lower())
    return _language(lexer.name, lexer.aliases) if lexer is not None else None


def language_of_code(text: str) -> Language | None:
    """The language that the first line gives away: `#!/bin/sh`, `<?php`, `<!DOCTYPE html>`. For the rest Pygments only
    guesses: whatever has the word `import` in it is Python to it."""
    first = text.lstrip("\ufeff").split("\n", 1)[0][:200]
    if not first.startswith(("#!", "<?", "<!")):
        return None
    if re.match(r"#!.*\bnode\b", first):
        return language_named("javascript")
    sure = max((float(lexer.analyse_text(first)), name) for name, lexer in _telling().items())
    return language_named(sure[1]) if sure[0] else None


def languages_like(typed: str, limit: int = 25) -> list[Language]:
    """Languages for somebody who is typing one, at most `limit`: the one that is called so, common ones that begin so,
    common ones that hold it, then the same of all others."""
    wanted = typed.strip().lower()
    exact = language_named(wanted)
    common = list(dict.fromkeys(_common().values()))
    others = sorted(set(_names().values()) - set(common), key=lambda language: language.name.lower())
    found = [exact] if exact is not None else []
    for languages in (common, others) if wanted else (common,):
        for test in (str.startswith, str.__contains__):
            found += [language for language in languages if test(language.name.lower(), wanted)]
    return list(dict.fromkeys(found))[:limit]


def ending_of(tag: str) -> str:
    """What the name of a file with this language ends in, such as ".py"; ".txt" for none. `tag` is a code block's."""
    language = language_named(tag)
    if language is None:
        return ".txt"
    if language.tag in _ENDINGS:
        return _ENDINGS[language.tag]
    patterns = get_lexer_by_name(_alias_of(language)).filenames
    endings = [PurePosixPath(pattern).suffix for pattern in patterns if pattern.startswith("*.")]
    return next((ending for ending in endings if ending[1:].isalnum() and ending.isascii()), ".txt")


def _is_meant(first: str, rest: str, *, is_set_off: bool) -> bool:
    if is_set_off or not rest:
        return True
    if first in _NEVER_FIRST:
        return False
    second, third, *_ = [*(word.lower().strip(".,:;") for word in rest.split(maxsplit=2)), "", ""]
    return first not in _ENGLISH or second not in _AFTER_ENGLISH or third in _LOOPS


def _written_in(name: str) -> Language | None:
    language = _common().get(name.rstrip(".").lower())
    return language if language is not None and language.tag not in _FORMATS else None


@cache
def _names() -> dict[str, Language]:
    """Every word that somebody calls a language by, in small letters."""
    names: dict[str, Language] = {}
    for name, aliases, _, _ in get_all_lexers(plugins=False):
        if (language := _language(name, aliases)) is not None:
            for word in (*aliases, name.lower(), language.name.lower(), language.tag):
                names.setdefault(word, language)
    return names | {word: names[alias] for word, alias in _ALSO.items()} | _MORE


@cache
def _common() -> dict[str, Language]:
    """The same of the common ones, in their order."""
    order = {_names()[alias]: place for place, alias in enumerate(_COMMON.split())}
    words = sorted((word for word, language in _names().items() if language in order), key=lambda w: order[_names()[w]])
    return {word: _names()[word] for word in words}


@cache
def _telling() -> dict[str, Any]:
    return {alias: type(get_lexer_by_name(alias)) for alias in _TELLING}


def _language(name: str, aliases: tuple[str, ...] | list[str]) -> Language | None:
    if not aliases or aliases[0] in _NO_LANGUAGES:
        return None
    return _BETTER.get(aliases[0]) or Language(name, aliases[0])


def _alias_of(language: Language) -> str:
    """What Pygments calls it."""
    return next((alias for alias, better in _BETTER.items() if better == language), language.tag)
