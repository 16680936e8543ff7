"""`python -m tests.servers.discord --port 0` serves until SIGTERM and prints its address first."""

from __future__ import annotations

from tests.servers.discord.control import run_as_process

run_as_process()
