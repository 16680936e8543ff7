"""Loads the Lua scripts that stand beside this file.

Each runs as one step on the server: nobody sees half of it. They build most key names from `KEYS[1]`, the base prefix
of storage/keys.py, and so touch keys that are not declared. Redis Cluster allows that here only because every key of
a partition carries its hash tag and thus stands in the one slot that `KEYS[1]` names.

Every script may be sent again when its reply was lost, and then changes nothing and answers the same.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Protocol

from redis.asyncio import Redis

from storage.keys import DEDUPE_SECONDS, GROUP, QUEUE_SECONDS, SLOT_SECONDS, Keys


class Script(Protocol):
    """A script on its server."""

    async def __call__(self, *args: str | bytes | int | float) -> object:
        """Run it with ARGV = `args`; what comes back is Lua's: int, bytes, None or lists of them."""


@cache
def source(name: str) -> str:
    """The text of a queue script: the constants of keys.py, the shared functions of queue.lua, then `<name>.lua`."""
    here = files(__name__)
    constants = (
        "local GROUP, QUEUE_SECONDS, DEDUPE_SECONDS, SLOT_SECONDS = "
        f"'{GROUP}', {QUEUE_SECONDS}, {DEDUPE_SECONDS}, {SLOT_SECONDS}\n"
    )
    return constants + "".join((here / f"{part}.lua").read_text("utf-8") for part in ("queue", name))


def queue_script(redis: Redis, keys: Keys, name: str) -> Script:
    """A queue script, bound to a client and a prefix. Nothing is sent before it is called."""
    registered = redis.register_script(source(name))
    base = keys.base

    async def run(*args: str | bytes | int | float) -> object:
        reply: object = await registered(keys=[base], args=args)
        return reply

    return run
