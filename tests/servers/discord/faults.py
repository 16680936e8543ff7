"""What goes wrong with REST calls on purpose: errors, lost replies, calls that hang, and what a proxy answers."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

ANY = "*"


@dataclass(frozen=True, slots=True)
class Fault:
    """`fail` refuses with an error; `lose` carries the call out and cuts the connection; `hang` does neither.

    `via` is whether the answer has the Via header of Discord's own proxy. discord.py takes a 429 without it for a ban.
    `scope` is what a rate limit's header says that it is about: `user`, `global`, or `shared`, which is a limit of the
    channel's that others use up too, and does not count as our mistake (docs: topics/rate-limits).
    """

    kind: Literal["fail", "lose", "hang", "garble"]
    status: int = 500
    code: int = 0
    message: str = ""
    retry_after: float | None = None
    via: bool = True
    scope: str = "user"


class Faults:
    """Faults that wait for calls of a route (`*`: any), each for so many `times`, in the order in which they came.

    A route is written as in Discord's documentation: `POST /channels/{channel_id}/messages`.
    """

    def __init__(self, routes: Collection[str]) -> None:
        self._routes = routes
        self._waiting: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._released = asyncio.Event()

    def fail(
        self,
        route: str,
        status: int = 500,
        *,
        code: int = 0,
        message: str = "injected",
        retry_after: float | None = None,
        via: bool = True,
        scope: str = "user",
        times: int = 1,
    ) -> None:
        """The next calls are refused; for a rate limit: `429, retry_after=3`."""
        self._add(route, Fault("fail", status, code, message, retry_after, via, scope), times)

    def lose_reply(self, route: str, *, times: int = 1) -> None:
        """The next calls are carried out, and then the connection is cut without a reply."""
        self._add(route, Fault("lose"), times)

    def hang(self, route: str, *, times: int = 1) -> None:
        """The next calls get no answer and are not carried out, until `release`."""
        self._released.clear()
        self._add(route, Fault("hang"), times)

    def break_body(self, route: str, *, status: int = 502, times: int = 1) -> None:
        """The next calls are answered with a page of HTML, as by a proxy whose Discord is away."""
        self._add(route, Fault("garble", status, via=False), times)

    def mend(self) -> None:
        """Forget the faults that still wait: from now on all is well."""
        self._waiting.clear()

    def release(self) -> None:
        """Let go of every call that hangs; they are carried out now."""
        self._released.set()

    async def until_released(self) -> None:
        await self._released.wait()

    def take(self, route: str) -> Fault | None:
        """The fault for this call, which is used up by it."""
        for name in (route, ANY):
            if self._waiting[name]:
                return self._waiting[name].popleft()
        return None

    def _add(self, route: str, fault: Fault, times: int) -> None:
        # A misspelt route would make a test pass that tests nothing.
        if route != ANY and route not in self._routes:
            raise KeyError(f"no route {route!r}; there are {sorted(self._routes)}")
        self._waiting[route].extend([fault] * times)
