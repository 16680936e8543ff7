"""Commands and buttons that Discord told of, until they are seen to: whoever dies before must hear of them again."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import discord

from adapters.discord.progress import Work

# discord.py hands an interaction over at once; one that has no taker by then is none of ours.
BEGIN_SECONDS = 1.0


class _Open:
    def __init__(self) -> None:
        self.begun, self.done = asyncio.Event(), asyncio.Event()


class Pending:
    """The interactions that are not seen to yet, by id."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def expect(self, interaction_id: str) -> Work:
        """It was told of; gives what returns once it is seen to, or nobody took it."""
        return self._until_done(interaction_id, self._open.setdefault(interaction_id, _Open()))

    @contextmanager
    def seeing_to(self, interaction_id: str) -> Iterator[None]:
        """Somebody sees to it, and has when the context ends; not when it is cancelled."""
        opened = self._open.get(interaction_id, _Open())
        opened.begun.set()
        try:
            yield
        except asyncio.CancelledError:
            raise
        except BaseException:
            opened.done.set()
            raise
        else:
            opened.done.set()

    async def _until_done(self, interaction_id: str, opened: _Open) -> None:
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await opened.begun.wait()
        except TimeoutError:
            return
        else:
            await opened.done.wait()
        finally:
            if self._open.get(interaction_id) is opened:
                del self._open[interaction_id]


class SeesTo(Protocol):
    """What answers interactions."""

    pending: Pending


Parameters = ParamSpec("Parameters")
Seer = TypeVar("Seer", bound=SeesTo)
Seen = Callable[Concatenate[Seer, discord.Interaction, Parameters], Awaitable[None]]


def until_seen_to(act: Seen[Seer, Parameters]) -> Seen[Seer, Parameters]:
    """Until `act` has ended, the interaction comes again if this process dies."""

    @functools.wraps(act)
    async def seen_to(
        self: Seer, interaction: discord.Interaction, /, *args: Parameters.args, **more: Parameters.kwargs
    ) -> None:
        with self.pending.seeing_to(str(interaction.id)):
            await act(self, interaction, *args, **more)

    return seen_to
