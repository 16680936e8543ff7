"""Loads the Lua scripts that stand beside this file.

Each runs as one step on the server: nobody sees half of it. They build most key names from `KEYS[1]`, the base prefix
of storage/keys.py, and so touch keys that are not declared. Redis Cluster allows that here only because every key of
a partition carries its hash tag and thus stands in the one slot that `KEYS[1]` names.

Every script may be sent again when its reply was lost, and then changes nothing and answers the same.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Protocol

from redis.asyncio import Redis

from storage.keys import DEDUPE_SECONDS, GROUP, QUEUE_SECONDS, SLOT_SECONDS, Keys
from storage.scripts.calls import Argument, ScriptText, script_calls


class Script(Protocol):
    """A script on its server."""

    async def __call__(self, *args: Argument) -> object:
        """Run it with ARGV = `args`; what comes back is Lua's: int, bytes, None or lists of them."""


@cache
def source(name: str) -> str:
    """The text of a queue script: the constants of keys.py, what it uses of queue.lua, then `<name>.lua`, all without
    comments."""
    here = files(__name__)
    shared, text = ((here / f"{part}.lua").read_text("utf-8") for part in ("queue", name))
    text = _code(text)
    # Backwards, because a function uses only what stands before it. A script makes all its functions anew each time it
    # runs: all of queue.lua would cost it as much as five commands.
    for part in reversed(_code(shared).split("\n\n")):
        if any(re.search(rf"\b{defined}\b", text) for defined in re.findall(r"^local (?:function )?(\w+)", part, re.M)):
            text = f"{part}\n{text}"
    constants = {
        "GROUP": f"'{GROUP}'",
        "QUEUE_SECONDS": QUEUE_SECONDS,
        "DEDUPE_SECONDS": DEDUPE_SECONDS,
        "SLOT_SECONDS": SLOT_SECONDS,
    }
    return f"local {', '.join(constants)} = {', '.join(map(str, constants.values()))}\n{text}"


def _code(text: str) -> str:
    return re.sub(r"^ *--.*\n| *--.*$", "", text, flags=re.M)


def queue_script(redis: Redis, keys: Keys, name: str) -> Script:
    """A queue script, bound to a client and a prefix. Nothing is sent before it is called."""
    script, calls, base = ScriptText.of(source(name)), script_calls(redis), keys.base

    async def run(*args: Argument) -> object:
        return await calls.call(script, 1, base, *args)

    return run
