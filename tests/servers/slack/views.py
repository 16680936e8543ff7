"""Modals: who may open one, what is entered there, and what becomes of it (docs.slack.dev/surfaces/modals)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.servers.slack.blocks import Block
from tests.servers.slack.cast import Json
from tests.servers.slack.errors import SlackError
from tests.servers.slack.view_rules import check_view, inputs_of
from tests.servers.slack.workspace import Workspace

TRIGGER_SECONDS = 3.0


@dataclass(slots=True)
class Trigger:
    """What an interaction hands out: it opens one modal, within three seconds."""

    user: str
    opened: float
    is_used: bool = False


@dataclass(slots=True)
class Modal:
    """A modal on somebody's screen."""

    id: str
    user: str
    view: Json
    errors: dict[str, str] = field(default_factory=dict)  # by block_id, as the person reads them
    is_open: bool = True

    @property
    def title(self) -> str:
        return str(self.view["title"]["text"])

    @property
    def inputs(self) -> dict[str, Block]:
        """What can be filled in, by block_id."""
        return inputs_of(self.view)

    @property
    def entered(self) -> dict[str, Any]:
        """What stands in it before anybody changes it: texts, values of what is chosen, flags."""
        return {name: _initial(block["element"]) for name, block in self.inputs.items()}

    @property
    def said(self) -> str:
        """What it says between its fields."""
        texts = [block.get("text", {}).get("text", "") for block in self.view["blocks"] if block["type"] != "input"]
        return "\n".join(text for text in texts if text)


def hand_out(home: Workspace, user: str) -> str:
    """A new trigger_id for this person."""
    trigger = f"{uuid.uuid4().int % 10**12}.{uuid.uuid4().int % 10**10}.{uuid.uuid4().hex}"
    home.triggers[trigger] = Trigger(user, time.monotonic())
    return trigger


async def open_view(home: Workspace, args: Json) -> Json:
    """SlackError invalid_trigger_id, expired_trigger_id, exchanged_trigger_id, or invalid_arguments."""
    trigger = home.triggers.get(str(args.get("trigger_id")))
    if trigger is None:
        raise SlackError("invalid_trigger_id")
    if trigger.is_used:
        raise SlackError("exchanged_trigger_id")
    if time.monotonic() - trigger.opened > TRIGGER_SECONDS:
        raise SlackError("expired_trigger_id")
    view = check_view(args.get("view"), home.scopes)
    trigger.is_used = True
    modal = Modal("V" + uuid.uuid4().hex[:10].upper(), trigger.user, view)
    home.modals.append(modal)
    return {"view": described(modal)}


def described(modal: Modal) -> Json:
    """A modal as payloads show it."""
    return {**modal.view, "id": modal.id, "hash": str(time.time())}


def state_of(home: Workspace, modal: Modal, entered: Json, options: dict[str, Block]) -> Json:
    """`view.state` when the person has entered this and left the rest as it was; `options` are what was chosen in lists
    that the bot fills. AssertionError for what nobody can enter."""
    unknown = entered.keys() - modal.inputs.keys()
    assert not unknown, f"there is no field {unknown}; there are {sorted(modal.inputs)}"
    values: Json = {}
    for name, block in modal.inputs.items():
        element = block["element"]
        value = entered.get(name, _initial(element))
        assert block.get("optional") or value not in (None, "", []), f"{name} must be filled in"
        values[name] = {element["action_id"]: _state(home, modal, element, value, options.get(name))}
    return {"values": values}


def take_reply(home: Workspace, modal: Modal, reply: Json) -> None:
    """What the acknowledgement of a submission does to the modal."""
    match reply.get("response_action"):
        case None | "clear":
            modal.is_open = False
        case "errors":
            unknown = reply["errors"].keys() - modal.inputs.keys()
            assert reply["errors"], "no error is named: Slack would show a general one"
            assert not unknown, f"errors at fields that there are not: {unknown}"
            modal.errors = dict(reply["errors"])
        case "update" | "push":
            modal.view, modal.errors = check_view(reply["view"], home.scopes), {}
        case other:
            raise AssertionError(f"no response_action {other}")


def _initial(element: Block) -> Any:
    match element["type"]:
        case "plain_text_input":
            return element.get("initial_value") or ""
        case "static_select" | "external_select":
            return (element.get("initial_option") or {}).get("value")
        case "checkboxes":
            return bool(element.get("initial_options"))
    return []


def _state(home: Workspace, modal: Modal, element: Block, value: Any, option: Block | None) -> Json:
    kind = element["type"]
    match kind:
        case "plain_text_input":
            assert len(value) <= element.get("max_length", 3000), "nobody can type so much there"
            return {"type": kind, "value": value or None}
        case "static_select":
            options = [one for one in element["options"] if one["value"] == value]
            assert options or value is None, f"no option {value!r}"
            return {"type": kind, "selected_option": options[0] if options else None}
        case "external_select":
            initial = element.get("initial_option")
            chosen = initial if initial is not None and initial["value"] == value else option
            return {"type": kind, "selected_option": chosen if value is not None else None}
        case "checkboxes":
            return {"type": kind, "selected_options": element["options"][:1] if value else []}
    return {"type": kind, "files": _files(home, modal, element, value)}


def _files(home: Workspace, modal: Modal, element: Block, file_ids: Sequence[str]) -> list[Json]:
    assert len(file_ids) <= element.get("max_files", 10), "too many files"
    return [home.file_payload(home.files[file_id]) for file_id in file_ids]
