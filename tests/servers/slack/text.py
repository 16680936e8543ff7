"""Text as Slack sends it: escaped, links and mentions in angle brackets; and as rich text."""

from __future__ import annotations

import re
from typing import Any

# What people's clients turn into entities when a message is sent; anything else in brackets is only text.
_ENTITY = re.compile(r"<(?:@[UW]\w+|#C\w+|!(?:here|channel|everyone)|!subteam\^S\w+)(?:\|[^>]*)?>")
_ADDRESS = re.compile(r"https?://[^\s<>`]+[^\s<>`.,;:!?)\]]")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_PING = re.compile(r"<(?:!(?:channel|here|everyone|subteam\^)|@[UW]\w+)")


def escape(text: str) -> str:
    """The three characters that Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str) -> str:
    """What a person typed, as the Events API gives it: escaped, mentions kept, addresses outside code linked."""
    made: list[str] = []
    at = 0
    for code in _CODE.finditer(text):
        made += [_linked(text[at : code.start()]), _escaped(code.group())]
        at = code.end()
    return "".join([*made, _linked(text[at:])])


def _linked(text: str) -> str:
    return _ADDRESS.sub(lambda found: f"<{found.group()}>", _escaped(text))


def _escaped(text: str) -> str:
    made: list[str] = []
    at = 0
    for entity in _ENTITY.finditer(text):
        made += [escape(text[at : entity.start()]), entity.group()]
        at = entity.end()
    return "".join([*made, escape(text[at:])])


def rich_text(mrkdwn: str) -> list[dict[str, Any]]:
    """The block that Slack adds to what people write. Only mentions are told from text, which is what bots look for."""
    elements: list[dict[str, Any]] = []
    for part in re.split(r"(<@[UW]\w+>)", mrkdwn):
        if part.startswith("<@"):
            elements.append({"type": "user", "user_id": part[2:-1]})
        elif part:
            plain = part.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
            elements.append({"type": "text", "text": plain})
    return [
        {
            "type": "rich_text",
            "block_id": "said",
            "elements": [{"type": "rich_text_section", "elements": elements}],
        }
    ]


def pings(text: str) -> bool:
    """Whether this text, if shown, would notify somebody. Code is no protection: old clients have pinged from it."""
    return _PING.search(text) is not None
