"""The app as Slack is told of it: paste it at api.slack.com/apps, "Create New App", "From a manifest" (JSON).

Source: docs.slack.dev/reference/app-manifest. What each scope is for:

| scope | for |
|---|---|
| app_mentions:read | to hear `@Corral ...` |
| channels:history, groups:history, mpim:history | to hear follow-ups in threads; to read what stands above a mention |
| channels:read | whether a linked message's channel is public, whether a guest is in it, and who made a channel |
| im:history, im:write | direct messages; to tell somebody what cannot be said in a channel |
| chat:write | to answer |
| commands | `/corral`, `/code`, their forms and the message shortcuts |
| assistant:write | the agent view: suggested prompts, title, status and stop button |
| users:read | people's names, so that the model can tell several people apart |
| files:write | code that is too long for a message |
| files:read | files that people attach; to find one of ours again when Slack's reply to its upload was lost |

The app token of Socket Mode has the scope connections:write, which a manifest cannot give.
"""

from __future__ import annotations

from typing import Any

from adapters.slack.commands import CODE, CORRAL
from adapters.slack.home import prompts
from adapters.slack.http_events import PATH
from adapters.slack.interactions import ASK_SHORTCUT, FORM_SHORTCUT

SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "im:history",
    "im:write",
    "mpim:history",
    "users:read",
)
EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_deleted",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
)
DESCRIPTION = "Answers coding questions with a Code Llama that your team runs itself."


def manifest(*, socket_mode: bool, url: str = "https://YOUR-HOST") -> dict[str, Any]:
    """The manifest, to be written as JSON. Without Socket Mode Slack sends to `url`, an https address that reaches
    this service's HTTP_PORT."""
    address = {} if socket_mode else {"request_url": url.rstrip("/") + PATH}
    options = {} if socket_mode else {"message_menu_options_url": url.rstrip("/") + PATH}
    command_address = {} if socket_mode else {"url": url.rstrip("/") + PATH}
    return {
        "display_information": {"name": "Corral", "description": DESCRIPTION, "background_color": "#1f3a2d"},
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "Corral", "always_online": True},
            "agent_view": {"agent_description": DESCRIPTION, "suggested_prompts": prompts()},
            "shortcuts": [
                {
                    "name": "Ask Corral about this",
                    "type": "message",
                    "callback_id": ASK_SHORTCUT,
                    "description": "Answers this message in its thread",
                },
                {
                    "name": "Use Corral on this",
                    "type": "message",
                    "callback_id": FORM_SHORTCUT,
                    "description": "Explain, review, fix, test, complete or fill the code in this message",
                },
            ],
            "slash_commands": [
                {
                    "command": CORRAL,
                    "description": "Ask a coding question, or have code explained, reviewed, fixed, tested, completed",
                    "usage_hint": "[private] [explain|review|fix|test|complete|fill] ..., settings, status, help",
                    "should_escape": False,
                    **command_address,
                },
                {
                    "command": CODE,
                    "description": "Write a code snippet",
                    "usage_hint": "[private] [language] what it should do",
                    "should_escape": False,
                    **command_address,
                },
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**address, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **address, **options},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket_mode,
            "token_rotation_enabled": False,
        },
    }
