"""How Discord's addresses become names that may be published."""

from __future__ import annotations

import pytest
from yarl import URL

from adapters.discord.counting import ROUTES, route_of

TOKEN = "aW50ZXJhY3Rpb246MTIzNDU2Nzg5MDEyMzQ1Njc4"


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/api/v10/users/@me", "GET /users/@me"),
        ("POST", "/api/v10/channels/1300000000000000002/messages", "POST /channels/{channel_id}/messages"),
        ("PATCH", "/api/v10/channels/13/messages/14", "PATCH /channels/{channel_id}/messages/{message_id}"),
        ("POST", f"/api/v10/interactions/15/{TOKEN}/callback", "POST /interactions/{interaction_id}/{token}/callback"),
        (
            "PATCH",
            f"/api/v10/webhooks/1/{TOKEN}/messages/@original",
            "PATCH /webhooks/{application_id}/{token}/messages/{message_id}",
        ),
        ("POST", f"/api/webhooks/1/{TOKEN}", "POST /webhooks/{application_id}/{token}"),
        ("GET", "/api/v10/guilds/1/threads/active", "GET /guilds/{guild_id}/threads/active"),
        ("GET", "/api/v10/gateway/bot", "GET /gateway/bot"),
    ],
)
def test_ids_and_tokens_are_named_by_what_they_are(method: str, path: str, route: str) -> None:
    """As the reference writes its routes."""
    assert route_of(method, URL(f"https://discord.com{path}")) == route
    assert route in ROUTES


@pytest.mark.parametrize(
    "path", ["/api/v10/channels/13/canary", "/canary", f"/api/v10/{TOKEN}", "/api/v10/webhooks/1/canary", ""]
)
def test_what_is_no_route_of_ours_has_no_name_of_its_own(path: str) -> None:
    """Whatever it is, it makes no series."""
    assert route_of("GET", URL(f"https://discord.com{path}")) == "other"


def test_the_gateway_has_one_name() -> None:
    """Its address changes with each session."""
    assert route_of("GET", URL("wss://gateway-us-east1-b.discord.gg/?v=10")) == "gateway"
