"""`python -m tests.servers.discord.pointed http://127.0.0.1:PORT bot.py ARGS` (or `-m module ARGS`) runs any bot here.

The bot is not changed: it is run as python would, after discord.py was pointed at the local server.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from tests.servers.discord.pointing import point_discord_at


def run_pointed(arguments: list[str]) -> None:
    """Run `bot.py ARGS`, or `-m module ARGS`, as python would, but pointed at the address that comes first."""
    url, first, *rest = arguments
    point_discord_at(url)
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        sys.path.insert(0, str(Path(first).resolve().parent))
        runpy.run_path(first, run_name="__main__")


run_pointed(sys.argv[1:])
