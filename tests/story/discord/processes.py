"""Where the program is killed in the middle of an answer's path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.servers.discord import DiscordServer
from tests.servers.discord.calls import Call
from tests.servers.discord.home import Home
from tests.servers.discord.routes import Handler


@dataclass(frozen=True, slots=True)
class Step:
    """A call to Discord in which the program waits for an answer when it is killed, and whether the call has its effect
    all the same."""

    route: str
    has_effect: bool
    number: int = 1  # of the calls that match, starts at 1
    matches: Callable[[Call], bool] = lambda call: True


class Holds:
    """Holds each channel's answer at a step of its path. The first answer in a channel, its threads included, is held;
    `arrived` names the channels that have come to their step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, discord: DiscordServer, steps: Mapping[str, Step]) -> None:
        self.arrived: set[str] = set()
        self._steps = dict(steps)
        self._left = {channel: step.number for channel, step in steps.items()}
        self._released = {channel: asyncio.Event() for channel in steps}
        for route in {step.route for step in steps.values()}:
            monkeypatch.setitem(discord.api.handlers, route, self._held(route, discord.api.handlers[route]))

    def release(self, channel: str) -> None:
        """Let go of what is held there: its call is answered."""
        self._released[channel].set()

    def _held(self, route: str, real: Handler) -> Handler:
        async def call(home: Home, call: Call) -> object:
            channel = _channel(home, call)
            step = self._steps.get(channel)
            if step is None or step.route != route or channel in self.arrived or not step.matches(call):
                return await real(home, call)
            self._left[channel] -= 1
            if self._left[channel]:
                return await real(home, call)
            answer = await real(home, call) if step.has_effect else None
            self.arrived.add(channel)
            # Nobody hears an answer but who is released; the end of the connection ends this.
            await self._released[channel].wait()
            return answer

        return call  # type: ignore[return-value]


def _channel(home: Home, call: Call) -> str:
    """The channel that the call is about; of a thread its parent, of an interaction where it was called up."""
    token = call.params.get("webhook_token") or call.params.get("interaction_token") or ""
    place = home.channels[home.tokens[token].channel if token in home.tokens else call.channel]
    return place.parent or place.id
