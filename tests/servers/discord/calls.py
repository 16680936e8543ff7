"""One REST call: what was asked, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.servers.discord.cast import Json


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a call; `key` is the number in its field's name, files[n]."""

    key: str
    name: str
    data: bytes
    content_type: str


@dataclass(slots=True)
class Call:
    """A REST call. `at` is Unix seconds, `seconds` how long it took; `status` is 0 while it is unanswered.

    `route` is written as in Discord's documentation, `params` are what stands in its braces. `code` is Discord's error
    code, or 0; `retry_after` and `scope` are what a 429 told; `message` is the id of the message that it made
    or changed.
    """

    at: float
    route: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)  # the body, where it is a list
    files: list[Upload] = field(default_factory=list, repr=False)
    status: int = 0
    code: int = 0
    seconds: float = 0.0
    retry_after: float | None = None
    scope: str = ""
    message: str | None = None

    @property
    def channel(self) -> str:
        return self.params.get("channel_id", "")

    @property
    def major(self) -> str:
        """What the rate limits of the route are counted for."""
        names = ("channel_id", "guild_id", "webhook_token", "interaction_token")
        return next((self.params[name] for name in names if name in self.params), "")
