"""The link that invites the bot."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import discord
import pytest

from adapters.discord.client import intents
from adapters.discord.manifest import PERMISSIONS, PRIVILEGED_INTENTS, client_id_of, invite


def test_the_link_asks_for_what_is_needed_and_no_more() -> None:
    """By the bits that discord.py knows for the same names."""
    link = urlsplit(invite("1234"))
    asked = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert (link.netloc, link.path) == ("discord.com", "/oauth2/authorize")
    assert (asked["client_id"], asked["scope"]) == ("1234", "bot applications.commands")
    needed = discord.Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        create_public_threads=True,
        read_message_history=True,
        attach_files=True,
    )
    assert int(asked["permissions"]) == needed.value == sum(PERMISSIONS.values())


def test_the_intents_to_switch_on_are_the_privileged_ones_that_we_use() -> None:
    """Message content alone."""
    assert intents().message_content
    assert not intents().members
    assert not intents().presences
    assert PRIVILEGED_INTENTS == ("Message Content Intent",)


@pytest.mark.parametrize("application", ["1000000000000000001", "80351110224678912"])
def test_a_token_tells_whose_it_is(application: str) -> None:
    """Its first part is the id, in base64 without padding."""
    first = base64.urlsafe_b64encode(application.encode()).decode().rstrip("=")
    assert client_id_of(f"{first}.Gabcde.secret") == application


@pytest.mark.parametrize("token", ["", "x", "not a token", "é.x.y", "YWJj.x.y"])
def test_what_is_no_token_tells_nothing(token: str) -> None:
    """Nor breaks anything."""
    assert client_id_of(token) == ""
