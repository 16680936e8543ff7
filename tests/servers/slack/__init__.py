"""A local Slack for tests and benchmarks: Web API, streams, Socket Mode, signed requests, and the people who use it.

`async with SlackServer() as slack` in a test, or `python -m tests.servers.slack --port 0` as a process of its own.
Behaviour is that of docs.slack.dev as of 2026; where Slack has been seen to do otherwise, the place says so.
"""

from __future__ import annotations

from tests.servers.slack.cast import (
    ADMIN,
    ALICE,
    BOB,
    BOT_USER,
    ELSEWHERE,
    GENERAL,
    MPIM,
    OTHER_BOT,
    PRIVATE,
    RANDOM,
    STRANGER,
    dm_of,
)
from tests.servers.slack.messages import Message
from tests.servers.slack.server import SlackServer
from tests.servers.slack.signing import sign

__all__ = [
    "ADMIN",
    "ALICE",
    "BOB",
    "BOT_USER",
    "ELSEWHERE",
    "GENERAL",
    "MPIM",
    "OTHER_BOT",
    "PRIVATE",
    "RANDOM",
    "STRANGER",
    "Message",
    "SlackServer",
    "dm_of",
    "sign",
]
