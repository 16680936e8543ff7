"""Application commands: what the bot registers, globally or for a guild (docs: interactions/application-commands)."""

from __future__ import annotations

from tests.servers.discord.calls import Call
from tests.servers.discord.cast import APP, Json
from tests.servers.discord.command_rules import SLASH, check, check_all
from tests.servers.discord.errors import DiscordError
from tests.servers.discord.home import Home


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
    check_all(call.items)
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
    check("", command)
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
