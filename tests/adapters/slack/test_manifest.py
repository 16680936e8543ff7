"""The app's manifest, against what Slack's reference says and what the code here uses."""

from __future__ import annotations

import json
import re

import pytest

from adapters.slack import manifest as module
from adapters.slack.commands import CODE, CORRAL
from adapters.slack.limits import METHODS
from adapters.slack.manifest import EVENTS, SCOPES, manifest
from tests.servers.slack.scopes import BY_KIND, FILES, GRANTED, NEEDED, lacking

# What each event needs (docs.slack.dev/reference/events).
EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "agent_session_stopped": "assistant:write",
    "channel_deleted": "channels:read",
}


def test_each_event_has_its_scope() -> None:
    """Slack refuses a manifest that lacks one."""
    assert set(EVENTS) == {*EVENT_SCOPES, "app_home_opened", "app_uninstalled"}
    assert set(EVENT_SCOPES.values()) <= set(SCOPES)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_each_method_that_is_called_has_its_scope(method: str) -> None:
    """What stands above a question is read in every kind of channel; a linked one only when it is public."""
    kinds = (
        ("channel",)
        if method in {"conversations.info", "conversations.members"}
        else ("channel", "group", "im", "mpim")
    )
    assert [lacking(method, kind, SCOPES) for kind in kinds] == [None for _ in kinds]


def test_no_scope_is_asked_for_that_nothing_needs() -> None:
    """An admin who reads them must not wonder."""
    of_methods = {NEEDED[method] for method in METHODS & NEEDED.keys()} | {"channels:read", FILES}
    assert {*of_methods, *EVENT_SCOPES.values(), "commands"} == set(SCOPES)
    assert NEEDED.keys() | BY_KIND.keys() | {"views.open"} >= METHODS  # for that none is needed


def test_the_local_slack_grants_what_the_manifest_asks_for() -> None:
    """So every other test here, and every story, fails where a call lacks its scope."""
    assert set(SCOPES) == GRANTED


def test_each_scope_is_explained() -> None:
    """Whoever installs the app is asked to grant them."""
    table = "\n".join(line for line in (module.__doc__ or "").splitlines() if line.startswith("| "))
    explained = {scope for row in table.splitlines() for scope in re.findall(r"[a-z_]+:[a-z_]+", row)} | {"commands"}
    assert set(SCOPES) == explained
    assert "| commands |" in table


def test_socket_mode_needs_no_address() -> None:
    """Nothing of ours has to be reachable."""
    told = manifest(socket_mode=True)
    assert told["settings"]["socket_mode_enabled"] is True
    assert "http" not in json.dumps(told)


@pytest.mark.parametrize("url", ["https://corral.example", "https://corral.example/"])
def test_over_http_everything_goes_to_one_address(url: str) -> None:
    """Events, buttons and both commands."""
    told = manifest(socket_mode=False, url=url)
    where = "https://corral.example/slack/events"
    assert told["settings"]["socket_mode_enabled"] is False
    assert told["settings"]["event_subscriptions"]["request_url"] == where
    assert told["settings"]["interactivity"]["request_url"] == where
    assert told["settings"]["interactivity"]["message_menu_options_url"] == where
    assert {one["command"]: one["url"] for one in told["features"]["slash_commands"]} == {CORRAL: where, CODE: where}


def test_it_keeps_within_slacks_limits() -> None:
    """docs.slack.dev/reference/app-manifest: the lengths that Slack checks."""
    told = manifest(socket_mode=True)
    assert len(told["display_information"]["name"]) <= 35
    assert len(told["display_information"]["description"]) <= 140
    assert len(told["features"]["agent_view"]["agent_description"]) <= 300
    assert len(told["features"]["agent_view"]["suggested_prompts"]) <= 4
    for command in told["features"]["slash_commands"]:
        assert len(command["command"]) <= 32
        assert len(command["description"]) <= 2000
    assert len(told["features"]["shortcuts"]) <= 10
    for shortcut in told["features"]["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150
        assert shortcut["type"] == "message"
