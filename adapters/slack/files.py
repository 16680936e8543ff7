"""Very long code as a file: the three steps of an upload (docs.slack.dev/messaging/working-with-files)."""

from __future__ import annotations

from typing import Any

from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

from adapters.markdown.file_names import is_named_for, name_of
from adapters.slack.api import Refusal, SlackApi
from adapters.slack.destination import Destination
from conversation.errors import DeliveryError
from conversation.ports import Attachment, Written

FILE = "file"
_PREFIX = "file:"

# Slack's names of what it can highlight (docs.slack.dev/reference/objects/file-object, "File types").
_SNIPPETS = {
    "applescript", "c", "csharp", "cpp", "css", "csv", "clojure", "coffeescript", "cfm", "d", "dart", "diff",
    "dockerfile", "erlang", "fsharp", "fortran", "go", "groovy", "html", "handlebars", "haskell", "haxe",
    "java", "javascript", "json", "kotlin", "latex", "lisp", "lua", "markdown", "matlab", "objc", "ocaml",
    "pascal", "perl", "php", "pig", "powershell", "puppet", "python", "r", "ruby", "rust", "sql", "sass",
    "scala", "scheme", "shell", "smalltalk", "swift", "vb", "vbscript", "velocity", "verilog", "xml", "yaml",
}  # fmt: skip
# Pygments' name -> Slack's, where they differ.
_SLACK_NAMES = {"bash": "shell", "c#": "csharp", "c++": "cpp", "docker": "dockerfile", "f#": "fsharp", "f90": "fortran"}
_SLACK_NAMES |= {"objective-c": "objc", "vb.net": "vb", "common-lisp": "lisp", "splus": "r", "tex": "latex"}


def snippet_type(language: str) -> str | None:
    """Slack's name for a language; None where it has none, and guesses by the file's ending."""
    names = _names(language)
    return next((name for name in (_SLACK_NAMES.get(name, name) for name in names) if name in _SNIPPETS), None)


def file_id_in(message: dict[str, Any], key: str) -> str | None:
    """The message id of the file that was sent for the segment `key`, if this message shows it."""
    for file in message.get("files") or []:
        if is_named_for(str(file.get("name") or ""), key):
            return f"{_PREFIX}{file['id']}"
    return None


def is_file(message_id: str) -> bool:
    """Whether this is a file's message id."""
    return message_id.startswith(_PREFIX)


async def attach(api: SlackApi, at: Destination, key: str, attachment: Attachment) -> Written:
    """Upload the file and show it in the thread. Raises DeliveryError; uncertain only when it may be shown."""
    data = attachment.text.encode()
    name = name_of(attachment, key)
    try:
        begun = await api.ask(
            at.team,
            "files.getUploadURLExternal",
            filename=name,
            length=len(data),
            snippet_type=snippet_type(attachment.language),
        )
    except DeliveryError as error:
        error.certain = True  # nobody sees a file that was only announced
        raise
    await api.upload(str(begun["upload_url"]), data)
    file_id = str(begun["file_id"])
    await api.ask(
        at.team,
        "files.completeUploadExternal",
        files=[{"id": file_id, "title": name}],
        channel_id=at.channel,
        thread_ts=at.thread_ts,
    )
    return Written(f"{_PREFIX}{file_id}", FILE)


async def delete(api: SlackApi, team: str, message_id: str) -> None:
    """Delete the file wherever it is shown. Safe to repeat. Raises DeliveryError."""
    try:
        await api.ask(team, "files.delete", file=message_id.removeprefix(_PREFIX))
    except Refusal as error:
        if error.code not in {"file_not_found", "file_deleted"}:
            raise


def _names(language: str) -> list[str]:
    """What a language is called, by the word behind a code block's fence first."""
    word = language.strip().lower()
    try:
        lexer = get_lexer_by_name(word)
    except ClassNotFound:
        return [word]
    return [word, lexer.name.lower(), *(alias.lower() for alias in lexer.aliases)]
