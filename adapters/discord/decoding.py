"""Discord's JSON, also where it holds half a character.

People can send half of a surrogate pair, and Discord passes it on as an escape (`\\ud83d`). orjson, with which
discord.py reads where it is installed, refuses the whole text then: a frame of the gateway, at which the session would
break again and again, or a page of the history with ninety-nine other messages.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
from discord import utils

from conversation.intake import storable


def from_json(text: bytes | bytearray | memoryview | str) -> Any:
    """What the text says, half characters replaced. Raises ValueError for what is no JSON."""
    try:
        return orjson.loads(text)
    except ValueError:
        read = json.loads(bytes(text) if isinstance(text, memoryview) else text)
        whole = json.dumps(read, ensure_ascii=False)
        return json.loads(storable(whole))


def read_leniently() -> None:
    """Let discord.py read with `from_json`: it looks the function up at each call."""
    utils._from_json = from_json
