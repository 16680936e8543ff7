"""What no Slack sends, but whoever has the secret could: well-signed payloads with the wrong things in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

SECRET_WORDS = "what-somebody-wrote"
DEEP = "[" * 100_000 + "]" * 100_000
# Each as JSON text, so that what `json` would not write can be among them.
VALUES = (
    "null", "true", "0", "-1", "1e999", "NaN", "9" * 5000, "[]", "[[]]", "{}", '{"a":1}', '""',
    '"\\ud800"', '"\\u0000"', f'"{SECRET_WORDS}"', f'["{SECRET_WORDS}"]', '"' + "x" * 100_000 + '"',
    '"999999999999.999999999"', "[" * 900 + "]" * 900,
)  # fmt: skip
_HOLE = "\u0001hole\u0001"

_MENTION = {
    "type": "event_callback",
    "event_id": "Ev1",
    "team_id": "T0TEAM0001",
    "event": {
        "type": "app_mention",
        "user": "U0HUMAN000",
        "text": "<@U0CORRAL01> why?",
        "ts": "1700000000.000001",
        "thread_ts": "1700000000.000000",
        "channel": "C0PUBLIC00",
        "user_team": "T0TEAM0001",
        "files": [{"id": "F1", "name": "a.py"}],
    },
}
_MESSAGE = {"type": "message", "user": "U0HUMAN000", "text": "<@U0CORRAL01> a", "ts": "1700000000.000002"}
_CHANGED = {
    "type": "event_callback",
    "event_id": "Ev2",
    "event": {
        "type": "message",
        "subtype": "message_changed",
        "channel": "C0PUBLIC00",
        "message": {**_MESSAGE, "text": "<@U0CORRAL01> b", "edited": {"ts": "1700000001.000000"}},
        "previous_message": _MESSAGE,
    },
}
_DELETED = {
    "type": "event_callback",
    "event_id": "Ev3",
    "event": {
        "type": "message",
        "subtype": "message_deleted",
        "channel": "C0PUBLIC00",
        "previous_message": _MESSAGE,
    },
}
_STOPPED = {
    "type": "event_callback",
    "event": {
        "type": "agent_session_stopped",
        "user": "U0HUMAN000",
        "channel": "C0PUBLIC00",
        "thread_ts": "1700000000.000000",
        "event_ts": "1700000001.000000",
    },
}
_OPENED = {
    "type": "event_callback",
    "event": {"type": "app_home_opened", "tab": "messages", "user": "U0HUMAN000", "channel": "D0HUMAN000"},
}
_PRESS = {
    "type": "block_actions",
    "user": {"id": "U0HUMAN000", "team_id": "T0TEAM0001"},
    "container": {"channel_id": "C0PUBLIC00", "message_ts": "1700000000.000003", "thread_ts": "1700000000.000000"},
    "message": {"thread_ts": "1700000000.000000"},
    "actions": [{"action_id": "corral:again", "value": "x1", "action_ts": "1700000002.000000"}],
}
_SHORTCUT = {
    "type": "message_action",
    "callback_id": "corral_ask",
    "user": {"id": "U0HUMAN000", "team_id": "T0TEAM0001"},
    "channel": {"id": "C0PUBLIC00"},
    "message": {"ts": "1700000000.000004", "thread_ts": "1700000000.000000"},
    "action_ts": "1700000003.000000",
}
_COMMAND = {
    "command": "/corral",
    "text": "why?",
    "channel_id": "C0PUBLIC00",
    "user_id": "U0HUMAN000",
    "team_id": "T0TEAM0001",
    "trigger_id": "1.2.3",
}
_FORM = {
    "type": "message_action",
    "callback_id": "corral_form",
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.slack.com/actions/1",
    "user": {"id": "U0HUMAN000", "team_id": "T0TEAM0001"},
    "channel": {"id": "C0PUBLIC00"},
    "message": {"ts": "1700000000.000004", "text": "x = 1", "files": [{"id": "F1"}]},
    "action_ts": "1700000003.000000",
}
_SUGGESTION = {"type": "block_suggestion", "user": {"id": "U0HUMAN000"}, "block_id": "language", "value": "py"}
_ENTERED = {"value": {"type": "plain_text_input", "value": "x = 1"}}
_SUBMISSION = {
    "type": "view_submission",
    "user": {"id": "U0HUMAN000", "team_id": "T0TEAM0001"},
    "view": {
        "id": "V1",
        "callback_id": "corral_skill",
        "private_metadata": json.dumps({"c": "C0PUBLIC00", "o": 1700000000, "u": "", "m": "", "t": "", "f": []}),
        "state": {
            "values": {
                "skill": {"value": {"type": "static_select", "selected_option": {"value": "explain"}}},
                "code": _ENTERED,
                "private": {"value": {"selected_options": []}},
            }
        },
    },
}
_SETTINGS = {
    "type": "view_submission",
    "user": {"id": "U0HUMAN000", "team_id": "T0TEAM0001"},
    "view": {
        "id": "V2",
        "callback_id": "corral_settings",
        "private_metadata": json.dumps({"c": "C0PUBLIC00"}),
        "state": {"values": {"person.temperature": {"value": {"type": "plain_text_input", "value": "0.5"}}}},
    },
}
PAYLOADS = {
    "mention": _MENTION,
    "changed": _CHANGED,
    "deleted": _DELETED,
    "stopped": _STOPPED,
    "opened": _OPENED,
    "press": _PRESS,
    "shortcut": _SHORTCUT,
    "command": _COMMAND,
    "form": _FORM,
    "suggestion": _SUGGESTION,
    "submission": _SUBMISSION,
    "settings": _SETTINGS,
    "verification": {"type": "url_verification", "challenge": "c"},
}
# What is no payload at all.
BODIES = (
    "", "{", "}", "[1]", '"x"', "1", "null", "NaN", DEEP, '{"a":' + DEEP + "}", "\ufeff{}", "payload={", "payload=[]",
    "payload=null", "payload=" + DEEP, "payload", "payload=1&payload={", "a=1&a=2", "\x00",
)  # fmt: skip


def odd(payload: Any) -> Iterator[str]:
    """The payload as JSON, with one of its values after the other replaced by each of VALUES, and left out."""
    for place in _places(payload):
        holed = json.dumps(_replaced(payload, place))
        for value in VALUES:
            yield holed.replace(json.dumps(_HOLE), value)


def form(payload: str) -> str:
    """As interactions come over HTTP."""
    return urlencode({"payload": payload})


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from _places(part, (*path, name))


def _replaced(value: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return _HOLE
    if isinstance(value, dict):
        return {name: _replaced(part, path[1:]) if name == path[0] else part for name, part in value.items()}
    return [_replaced(part, path[1:]) if index == path[0] else part for index, part in enumerate(value)]
