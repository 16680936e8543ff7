"""Where the program is killed in the middle of an answer's path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.servers.slack import web_api
from tests.servers.slack.cast import Json
from tests.servers.slack.errors import SlackError
from tests.servers.slack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Step:
    """A call to Slack in which the program waits for an answer when it is killed, and whether the call has its effect
    all the same. Without `streams` the channel has none."""

    method: str
    has_effect: bool
    number: int = 1  # of the calls that match, starts at 1
    matches: Callable[[Json], bool] = lambda args: True
    streams: bool = True


class Holds:
    """Holds each channel's answer at a step of its path. The first answer in a channel is held; `arrived` names the
    channels that have come to their step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: Mapping[str, Step]) -> None:
        self.arrived: set[str] = set()
        self._steps = dict(steps)
        self._left = {channel: step.number for channel, step in steps.items()}
        for method in {"chat.startStream", *(step.method for step in steps.values())}:
            monkeypatch.setitem(web_api.METHODS, method, self._held(method, web_api.METHODS[method]))

    def _held(self, method: str, real: web_api.Method) -> web_api.Method:
        async def call(home: Workspace, args: Json) -> Json:
            channel = args.get("channel") or args.get("channel_id") or ""
            step = self._steps.get(channel)
            if step is not None and method == "chat.startStream" and not step.streams:
                raise SlackError("method_not_supported_for_channel_type")
            if step is None or step.method != method or channel in self.arrived or not step.matches(args):
                return await real(home, args)
            self._left[channel] -= 1
            if self._left[channel]:
                return await real(home, args)
            if step.has_effect:
                await real(home, args)
            self.arrived.add(channel)
            await asyncio.Event().wait()  # nobody will hear an answer; the end of the connection ends this
            raise AssertionError

        return call
