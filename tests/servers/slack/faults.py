"""What goes wrong on purpose: errors, lost replies, calls that hang, and what a broken proxy answers."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal

ANY = "*"


@dataclass(frozen=True, slots=True)
class Fault:
    """`fail` refuses with an error; `lose` carries the call out and cuts the connection; `mute` carries it out and says
    nothing; `hang` does neither."""

    kind: Literal["fail", "lose", "hang", "garble", "mute"]
    error: str = ""
    status: int = 200
    retry_after: int | None = None


class Faults:
    """Faults that wait for calls of a method (`*`: any), each for so many `times`, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._released = asyncio.Event()

    def fail(
        self,
        method: str,
        error: str = "internal_error",
        *,
        status: int = 200,
        retry_after: int | None = None,
        times: int = 1,
    ) -> None:
        """The next calls are refused; for a rate limit: `error="ratelimited", status=429, retry_after=3`."""
        self._waiting[method].extend([Fault("fail", error, status, retry_after)] * times)

    def lose_reply(self, method: str, *, times: int = 1) -> None:
        """The next calls are carried out, and then the connection is cut without a reply."""
        self._waiting[method].extend([Fault("lose")] * times)

    def hang(self, method: str, *, times: int = 1) -> None:
        """The next calls get no answer and are not carried out, until `release`."""
        self._released.clear()
        self._waiting[method].extend([Fault("hang")] * times)

    def mute(self, method: str, *, times: int = 1) -> None:
        """The next calls are carried out and get no answer, until `release`. Of response_urls only."""
        self._released.clear()
        self._waiting[method].extend([Fault("mute")] * times)

    def break_body(self, method: str, *, times: int = 1) -> None:
        """The next calls are answered 502 with a page of HTML, as by a proxy whose Slack is away."""
        self._waiting[method].extend([Fault("garble", status=502)] * times)

    def mend(self) -> None:
        """Forget the faults that still wait: from now on all is well."""
        self._waiting.clear()

    def release(self) -> None:
        """Let go of every call that hangs; they are carried out now."""
        self._released.set()

    async def until_released(self) -> None:
        await self._released.wait()

    def is_waiting(self, method: str) -> bool:
        """Whether a call that is to go wrong has not come yet."""
        return bool(self._waiting[method])

    def take(self, method: str) -> Fault | None:
        """The fault for this call, which is used up by it."""
        for name in (method, ANY):
            if self._waiting[name]:
                return self._waiting[name].popleft()
        return None
