"""What the local Discord takes as forms and commands, and what its people can give them: as real Discord does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers.discord import ALICE, BOB, modals
from tests.servers.discord.command_rules import check_all, check_given
from tests.servers.discord.errors import DiscordError
from tests.servers.discord.home import Home
from tests.servers.discord.permissions import Permission


def field(**more: Any) -> dict[str, Any]:
    return {"type": 4, "custom_id": "a", "style": 2, **more}


def labelled(**more: Any) -> dict[str, Any]:
    return {"type": 18, "label": "A", "component": field(**more)}


def modal(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": "T", "custom_id": "m", "components": list(rows), **more}


@pytest.mark.parametrize("row", [labelled(value="x"), {"type": 1, "components": [field(label="A")]}])
def test_a_form_with_an_input(row: dict[str, Any]) -> None:
    """In a label, or in a row as before."""
    modals.check(modal(row))
    (sent,) = modals.filled(modal(row), {"a": "y"})
    (told,) = sent.get("components") or [sent["component"]]
    assert (told["custom_id"], told["value"]) == ("a", "y")


@pytest.mark.parametrize(
    "wrong",
    [
        modal(),
        modal(*[labelled(custom_id=str(number)) for number in range(6)]),
        modal(labelled(), labelled()),
        modal(labelled(), title="x" * 46),
        modal(labelled(), custom_id="x" * 101),
        modal(labelled(label="twice")),
        modal(labelled(style=3)),
        modal(labelled(max_length=4001)),
        modal(labelled(value="xx", max_length=1)),
        modal(labelled() | {"label": "x" * 46}),
        modal(labelled() | {"description": "x" * 101}),
        modal({"type": 18, "label": "A", "component": {"type": 2, "custom_id": "a", "label": "press"}}),
        modal(field(label="A")),
    ],
)
def test_what_is_no_form(wrong: dict[str, Any]) -> None:
    """Is refused as a body that is wrong."""
    with pytest.raises(DiscordError) as error:
        modals.check(wrong)
    assert error.value.code == 50035


@pytest.mark.parametrize(
    ("more", "values"),
    [
        ({}, {}),
        ({}, {"b": "x"}),
        ({"max_length": 2}, {"a": "xxx"}),
        ({"min_length": 2}, {"a": "x"}),
        ({"style": 1}, {"a": "x\ny"}),
    ],
)
def test_what_nobody_can_send(more: dict[str, Any], values: dict[str, str]) -> None:
    """A client does not let them."""
    with pytest.raises(AssertionError):
        modals.filled(modal(labelled(**more)), values)


def test_what_nobody_touches_stays() -> None:
    """As it was filled in; and nothing where nothing is required."""
    rows = labelled(value="x"), labelled(custom_id="b", required=False)
    sent = modals.filled(modal(*rows), {})
    assert [one["component"]["value"] for one in sent] == ["x", ""]


def slash(name: str = "ask", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": 1, "description": "d", **more}


def option(name: str, kind: int = 3, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "description": "d", **more}


def test_commands_that_discord_takes() -> None:
    """Groups of subcommands, and five for a message."""
    inner = [option("language", required=True), option("more")]
    check_all(
        [
            slash(options=inner),
            slash("settings", options=[option("mine", 1, options=inner), option("of", 2, options=[option("all", 1)])]),
            *({"name": f"Do {number}", "type": 3} for number in range(5)),
        ]
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ([{"name": f"Do {number}", "type": 3} for number in range(6)], 30032),
        ([slash("Ask")], 50035),
        ([slash(options=[option("a"), option("b", 1)])], 50035),
        ([slash(options=[option("a"), option("a")])], 50035),
        ([slash(options=[option("a"), option("b", required=True)])], 50035),
        ([slash(options=[option("a", 1, options=[option("b", 1)])])], 50035),
        ([slash(options=[option("a", autocomplete=True, choices=[{"name": "x", "value": "x"}])])], 50035),
        ([slash(options=[option(f"o{number}") for number in range(26)])], 50035),
        ([slash(options=[option(f"o{n}", description="x" * 101) for n in range(2)])], 50035),
        ([slash(options=[option(f"o{n}", choices=[{"name": "x" * 90, "value": "x"}] * 25) for n in range(9)])], 50035),
        ([{"name": "Do", "type": 3, "options": [option("a")]}], 50035),
    ],
)
def test_commands_that_discord_refuses(wrong: list[dict[str, Any]], code: int) -> None:
    """Too many, or wrong in themselves."""
    with pytest.raises(DiscordError) as error:
        check_all(wrong)
    assert error.value.code == code


@pytest.mark.parametrize("given", [{}, {"a": ""}, {"a": "xxx"}])
def test_what_no_client_sends(given: dict[str, str]) -> None:
    """Without what is required, too little of it, or too much."""
    with pytest.raises(AssertionError):
        check_given([option("a", required=True, min_length=1, max_length=2)], given)


def test_who_manages_channels() -> None:
    """Nobody, until a moderator says so."""
    home = Home(nonce_seconds=1, token_seconds=1, ack_seconds=1, file_seconds=1)
    home.managers.add(BOB)
    assert Permission.MANAGE_CHANNELS in home.allowed_to(BOB)
    assert Permission.MANAGE_CHANNELS not in home.allowed_to(ALICE)
