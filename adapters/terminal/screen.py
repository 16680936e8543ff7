"""What a terminal shows, as records in the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

STATUS_ID = "status"


@dataclass(frozen=True, slots=True)
class ScreenMessage:
    """One message of an answer, or with the id `status` what goes on before there is one."""

    id: str
    job_id: str
    text: str
    notice: str = ""
    ending: str = ""  # on the answer's last message: how it ended
    deleted: bool = False

    def to_record(self) -> dict[str, object]:
        """The JSON-able form."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ScreenMessage:
        """Read what `to_record` gave; a deleted message may lack everything but its id."""
        known = {field.name for field in fields(cls)}
        return cls(**{"job_id": "", "text": "", **{key: value for key, value in record.items() if key in known}})


class Screen(Protocol):
    """Where a conversation's messages are kept and watched."""

    async def put(self, conversation_id: str, message_id: str, record: Mapping[str, object]) -> None:
        """Show the record under this id, in place of an older one. Raises StoreUnavailable."""

    async def delete(self, conversation_id: str, message_id: str) -> None:
        """Take the message away. Safe to repeat."""

    async def read(self, conversation_id: str) -> list[dict[str, Any]]:
        """All messages, the oldest first."""

    def follow(self, conversation_id: str) -> AsyncGenerator[dict[str, Any]]:
        """What is there and every change, the newest state of each message."""
