"""Turns, messages and checkpoints as JSON, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson

from conversation.model import (
    Belonging,
    Checkpoint,
    Command,
    Ending,
    InboundMessage,
    Language,
    Milestones,
    Preferences,
    Provenance,
    Role,
    Segment,
    SegmentState,
    Skill,
    ThreadId,
    Turn,
)

# Not `asdict`: it copies all that is inside, a millisecond for a long answer's ids at every checkpoint; orjson writes
# dataclasses itself.

# What is as it is by default is left out: most of a message's fields are, and every byte is written to disk.
_TURN = tuple((field.name, field.default) for field in fields(Turn) if field.name != "seq")
_MESSAGE = tuple((field.name, field.default) for field in fields(InboundMessage))


def dump_turn(turn: Turn) -> bytes:
    """A turn without its place, which the store gives."""
    return orjson.dumps({name: value for name, default in _TURN if (value := getattr(turn, name)) != default})


def load_turn(data: bytes, seq: int) -> Turn:
    record: dict[str, Any] = orjson.loads(data)
    record["role"] = Role(record["role"])
    if record.get("ending"):
        record["ending"] = Ending(record["ending"])
    record["message_ids"] = tuple(record.get("message_ids", ()))
    record["skill"] = Skill(record.get("skill", Skill.ASK))
    if record.get("provenance"):
        record["provenance"] = Provenance(**record["provenance"])
    return Turn(**record, seq=seq)


def dump_preferences(preferences: Preferences) -> bytes:
    """Empty when nothing is set."""
    return orjson.dumps(preferences) if preferences != Preferences() else b""


def load_preferences(data: bytes) -> Preferences:
    record: dict[str, Any] = orjson.loads(data) if data else {}
    if record.get("language"):
        record["language"] = Language(**record["language"])
    return Preferences(**record)


def message_record(message: InboundMessage) -> dict[str, Any]:
    """The fields of a message that say something, with `address` as text, and its `key`."""
    record = {name: value for name, default in _MESSAGE if (value := getattr(message, name)) != default}
    record["address"], record["key"] = str(message.address), message.key
    return record


def dump_message(message: InboundMessage) -> bytes:
    return orjson.dumps(message_record(message))


def load_message(data: bytes) -> InboundMessage:
    record: dict[str, Any] = orjson.loads(data)
    del record["key"]
    record["address"] = ThreadId.parse(record["address"])
    record["command"] = Command(record.get("command", Command.ASK))
    record["skill"] = Skill(record.get("skill", Skill.ASK))
    record["belonging"] = Belonging(record.get("belonging", Belonging.MEMBER))
    for name in ("dedupe_keys", "shown_in", "above", "roles"):
        record[name] = tuple(record.get(name, ()))
    return InboundMessage(**record)


def dump_checkpoint(checkpoint: Checkpoint) -> bytes:
    return orjson.dumps(checkpoint)


def load_checkpoint(data: bytes) -> Checkpoint:
    record: dict[str, Any] = orjson.loads(data)
    record["token_ids"] = tuple(record["token_ids"])
    record["breaks"] = tuple(record.get("breaks", ()))
    record["ending"] = Ending(record["ending"]) if record["ending"] else None
    record["segments"] = tuple(
        Segment(**{**segment, "state": SegmentState(segment["state"])}) for segment in record["segments"]
    )
    record["milestones"] = Milestones(**record.get("milestones", {}))
    return Checkpoint(**record)
