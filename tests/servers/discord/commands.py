"""Application commands: what the bot registers, globally or for a guild (docs: interactions/application-commands)."""

from __future__ import annotations

import re

from tests.servers.discord.calls import Call
from tests.servers.discord.cast import APP, Json
from tests.servers.discord.errors import DiscordError, invalid_form
from tests.servers.discord.home import Home

SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, SUBCOMMAND_GROUP = 1, 2
_NAME = re.compile(r"[-_'\w]{1,32}")


async def read(home: Home, call: Call) -> list[Json]:
    return [one for one in home.commands.values() if one.get("guild_id") == call.params.get("guild_id")]


async def get(home: Home, call: Call) -> Json:
    found = home.commands.get(call.params["command_id"])
    if found is None:
        raise DiscordError(404, 10063, "Unknown application command")
    return found


async def create(home: Home, call: Call) -> Json:
    """A command of the same name and kind is replaced, and keeps its id."""
    return _set(home, call.body, call.params.get("guild_id"))


async def overwrite(home: Home, call: Call) -> list[Json]:
    """Put these in the place of all; those that stay keep their ids."""
    guild = call.params.get("guild_id")
    for number, command in enumerate(call.items):
        _check(f"{number}", command)
    named = {(one["name"], one.get("type", SLASH)) for one in call.items}
    for old in await read(home, call):
        if (old["name"], old["type"]) not in named:
            del home.commands[old["id"]]
    return [_set(home, command, guild) for command in call.items]


async def delete(home: Home, call: Call) -> None:
    await get(home, call)
    del home.commands[call.params["command_id"]]


def registered(home: Home, name: str, kind: int, guild: str | None) -> Json:
    """The command that a person finds there; AssertionError when there is none."""
    found = [one for one in home.commands.values() if one["name"] == name and one["type"] == kind]
    found = [one for one in found if one.get("guild_id") in (None, guild)]
    assert found, f"no command {name!r}; there are {sorted(one['name'] for one in home.commands.values())}"
    contexts = found[0].get("contexts")
    assert contexts is None or (0 if guild else 1) in contexts, f"{name!r} is not offered here: contexts {contexts}"
    return found[0]


def _set(home: Home, command: Json, guild: str | None) -> Json:
    _check("", command)
    kind = command.get("type", SLASH)
    same = (
        one["id"]
        for one in home.commands.values()
        if (one["name"], one["type"], one.get("guild_id")) == (command["name"], kind, guild)
    )
    made = {
        "description": "",
        "default_member_permissions": None,
        "nsfw": False,
        "options": [],
        "contexts": None,
        "integration_types": [0],
        **command,
        "type": kind,
        "id": next(same, None) or home.snowflakes.next(),
        "application_id": APP,
        "version": home.snowflakes.next(),
    }
    if guild is not None:
        made["guild_id"] = guild
    home.commands[made["id"]] = made
    return made


def _check(path: str, command: Json) -> None:
    name, kind = str(command.get("name") or ""), command.get("type", SLASH)
    at = f"{path}." if path else ""
    if kind == SLASH:
        if not _NAME.fullmatch(name) or name != name.lower():
            raise invalid_form(f"{at}name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        if not 1 <= len(command.get("description") or "") <= 100:
            raise invalid_form(f"{at}description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    elif not 1 <= len(name) <= 32:
        raise invalid_form(f"{at}name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
    if len(command.get("options") or []) > 25:
        raise invalid_form(f"{at}options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
