"""The gateway's sessions: numbered events, kept for a while so that a client that comes back misses none."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.servers.discord.cast import Json
from tests.servers.discord.intents import wanted, with_content

REMEMBERED = 2000  # events of a session that can be replayed


@dataclass(slots=True, eq=False)
class Dispatch:
    """An event for one session. `sent` are the Unix seconds at which it was written to a socket: again on RESUME.

    `session` is "" for an event that nobody was there to get: Discord does not keep those.
    """

    event: str
    data: Json
    session: str = ""
    seq: int = 0
    at: float = field(default_factory=time.time)
    sent: list[float] = field(default_factory=list)

    @property
    def payload(self) -> Json:
        return {"op": 0, "t": self.event, "s": self.seq, "d": self.data}


class Session:
    """What an IDENTIFY opened. `send` hands a dispatch to the connection that has it now, if any."""

    def __init__(self, intents: int, shard: tuple[int, int]) -> None:
        self.id = uuid.uuid4().hex
        self.intents = intents
        self.shard = shard
        self.seq = 0
        self.kept: deque[Dispatch] = deque(maxlen=REMEMBERED)
        self.send: Callable[[Dispatch], None] | None = None
        self.left_at: float | None = None  # when its connection ended (monotonic)

    def serves(self, guild: str | None) -> bool:
        """Whether the events of this guild are for this shard; direct messages are for the first."""
        number = 0 if guild is None else int(guild) >> 22
        return number % self.shard[1] == self.shard[0]

    def dispatch(self, event: str, data: Json, *, direct: bool = False) -> Dispatch | None:
        """Number it, keep it and send it; None when the intents leave it out."""
        if not wanted(event, self.intents, direct=direct):
            return None
        self.seq += 1
        dispatch = Dispatch(event, with_content(event, data, self.intents), self.id, self.seq)
        self.kept.append(dispatch)
        if self.send is not None:
            self.send(dispatch)
        return dispatch

    def since(self, seq: int) -> list[Dispatch]:
        """What came after this number, oldest first."""
        return [dispatch for dispatch in self.kept if dispatch.seq > seq]

    def can_resume(self, seq: int, within_seconds: float) -> bool:
        """Whether nothing is lost: it did not end too long ago, and all that came since is still kept."""
        if self.left_at is not None and time.monotonic() - self.left_at > within_seconds:
            return False
        return not self.kept or seq >= self.kept[0].seq - 1
