"""`python -m tests.servers.slack --port 0` serves until SIGTERM and prints its address first."""

from __future__ import annotations

from tests.servers.slack.control import run_as_process

run_as_process()
