"""What people write, out of the `text` of Slack's events.

There Slack has escaped `&`, `<` and `>`, and nothing else; every raw `<` begins a word of its own: `<https://x|label>`,
`<@U1>`, `<#C1|general>`, `<!here>`, `<!subteam^S1|@team>`, `<!date^...|fallback>`. It makes links of addresses in code
too. Source: docs.slack.dev/messaging/formatting-message-text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

_ESCAPED = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ESCAPED))
_WORD_OR_ENTITY = re.compile(rf"<(?P<word>[^<>]+)>|{_ENTITY.pattern}")

_CODE = r"(?P<code>```.*?```|`[^`\n]+`)"
_MENTION = r"<@(?P<user>[A-Z0-9]+)(?:\|[^<>]*)?>"
_CODE_OR_MENTION = re.compile(f"{_CODE}|{_MENTION}", re.DOTALL)
_FIRST_MENTION = re.compile(rf"\s*{_MENTION}")
# A colon or comma belongs to the name that a message begins with, unless the colon begins an emoji.
_AFTER_FIRST = re.compile(r"(?:[,:](?=\s|\Z))?(?:[ \t]*(?:\r?\n|\Z))*(?:(?<!\n)[ \t]+)?")
_SPACES = re.compile(r"[ \t]*")
_MESSAGE_LINK = re.compile(
    r"https://(?:[\w-]+\.)+slack\.com/archives/(?P<channel>[A-Z0-9]+)/p(?P<seconds>\d{10})(?P<fraction>\d{6})(?!\d)"
    r"(?:\?(?P<query>[^\s<>|#]*))?"
)
_TIMESTAMP = re.compile(r"\d{10}\.\d{6}")


def plain(mrkdwn: str, names: Mapping[str, str]) -> str:
    """The text as its author typed it, in code too. `names` gives people's names by user id; who is not in it keeps
    the name that Slack gives, or the id."""

    def typed(found: re.Match[str]) -> str:
        word = found["word"]
        return _ESCAPED[found[0]] if word is None else _typed_word(word, names)

    return _WORD_OR_ENTITY.sub(typed, mrkdwn)


def _typed_word(word: str, names: Mapping[str, str]) -> str:
    target, _, label = (_unescaped(part) for part in word.partition("|"))
    match target[0] if target else "":
        case "@":
            return f"@{names.get(target[1:]) or label.removeprefix('@') or target[1:]}"
        case "#":
            return f"#{label.removeprefix('#') or names.get(target[1:]) or target[1:]}"
        case "!":
            return _typed_special(target[1:], label)
    scheme, _, address = target.partition(":")
    if scheme in {"mailto", "tel"}:
        return label or address
    if not label or label == target:
        return target
    # For `example.com` Slack writes <http://example.com|example.com>.
    return label if label.rstrip("/") == address.removeprefix("//").rstrip("/") else f"{label} ({target})"


def _typed_special(command: str, label: str) -> str:
    name, *arguments = command.split("^")
    if name == "date":
        return label or " ".join(arguments[:1])
    name = label or (arguments[0] if name == "subteam" and arguments else name)
    return f"@{name.removeprefix('@')}"


def _unescaped(text: str) -> str:
    return _ENTITY.sub(lambda found: _ESCAPED[found[0]], text)


def mentions(mrkdwn: str) -> list[str]:
    """The ids of the people who are mentioned, each once, in the order of the text. In code nobody is."""
    return list(dict.fromkeys(found["user"] for found in _CODE_OR_MENTION.finditer(mrkdwn) if found["user"]))


def begins_with_mention(mrkdwn: str) -> str | None:
    """The id of the person whom the message addresses with its first word."""
    found = _FIRST_MENTION.match(mrkdwn)
    return found["user"] if found else None


def without_mention(mrkdwn: str, user_id: str) -> str:
    """`mrkdwn` without the mentions of `user_id` and the white space that they brought. Code keeps every character,
    and the line after a mention its indentation. Of a message that begins with a mention the comma or colon behind it
    goes too."""
    kept = ""
    position = 0
    for found in _CODE_OR_MENTION.finditer(mrkdwn):
        if found["user"] != user_id:
            continue
        kept += mrkdwn[position : found.start()] if found.start() > position else ""
        position = max(position, found.end())
        if not kept.strip():
            kept = ""
            position = _end(_AFTER_FIRST, mrkdwn, position)
            continue
        after = _end(_SPACES, mrkdwn, position)
        ends_line = after == len(mrkdwn) or mrkdwn[after] == "\n"
        if kept.endswith("\n"):
            position = min(after + 1, len(mrkdwn)) if ends_line else after  # the line was the mention's own
        elif ends_line:
            kept, position = kept.rstrip(" \t"), after
        elif after > position or mrkdwn[after] in ".,:;!?)":
            kept = kept.rstrip(" \t")
    return kept + mrkdwn[position:]


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def message_links(mrkdwn: str) -> list[tuple[str, str, str | None]]:
    """The messages that are linked: (channel id, timestamp, timestamp of the thread or None), each once, in order.
    Slack's links: https://WORKSPACE.slack.com/archives/C123/p1234567890123456?thread_ts=1234567890.123456&cid=C123."""
    links = []
    for found in _MESSAGE_LINK.finditer(mrkdwn):
        threads = parse_qs(_unescaped(found["query"] or "")).get("thread_ts", [])
        thread = next((value for value in threads if _TIMESTAMP.fullmatch(value)), None)
        links.append((found["channel"], f"{found['seconds']}.{found['fraction']}", thread))
    return list(dict.fromkeys(links))
