"""Who and what there is, as the REST API tells it: users, guilds, channels, the application and its gateway."""

from __future__ import annotations

from tests.servers.discord import threads
from tests.servers.discord.calls import Call
from tests.servers.discord.cast import APP, BOT_USER, DM, PEOPLE, Json, dm_of
from tests.servers.discord.errors import DiscordError, missing_access, missing_permissions, unknown_channel
from tests.servers.discord.home import Home
from tests.servers.discord.payloads import guild_payload


async def self_(home: Home, call: Call) -> Json:
    return home.users[BOT_USER] | {"email": None, "mfa_enabled": False, "verified": True, "locale": "en-US"}


async def application(home: Home, call: Call) -> Json:
    return {
        "id": APP,
        "name": "corral",
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": 1 << 23 | (1 << 18 if home.reads_content else 0),
        "owner": home.users[PEOPLE[-1]],
        "team": None,
        "interactions_endpoint_url": None,
        "redirect_uris": [],
        "approximate_guild_count": len(home.guilds),
        "approximate_user_install_count": 0,
        **home.application,
    }


async def user(home: Home, call: Call) -> Json:
    found = home.users.get(call.params["user_id"])
    if found is None:
        raise DiscordError(404, 10013, "Unknown User")
    return found


async def open_dm(home: Home, call: Call) -> Json:
    """The direct messages with a person; there is no error for one who takes none before something is sent."""
    recipient = str(call.body.get("recipient_id"))
    if recipient not in home.users or home.users[recipient]["bot"]:
        raise DiscordError(400, 50033, "Invalid Recipient(s)")
    return home.payload_of(home.channels[dm_of(recipient)])


async def guilds(home: Home, call: Call) -> list[Json]:
    return [guild_payload(guild) for guild in home.guilds]


async def guild(home: Home, call: Call) -> Json:
    return guild_payload(_guild(home, call))


async def guild_channels(home: Home, call: Call) -> list[Json]:
    own = _guild(home, call)
    return [home.payload_of(one) for one in home.channels.values() if one.guild == own and not one.is_thread]


async def live_threads(home: Home, call: Call) -> Json:
    return {"threads": home.guild_payload(_guild(home, call))["threads"], "members": [], "has_more": False}


async def roles(home: Home, call: Call) -> list[Json]:
    found: list[Json] = guild_payload(_guild(home, call))["roles"]
    return found


async def members(home: Home, call: Call) -> list[Json]:
    """Sorted by id, after `after`; at most `limit`."""
    _guild(home, call)
    after, limit = int(call.query.get("after", 0)), int(call.query.get("limit", 1))
    found = sorted((one for one in home.users.values() if int(one["id"]) > after), key=lambda one: int(one["id"]))
    return [home.member_payload(one["id"]) for one in found[:limit]]


async def member(home: Home, call: Call) -> Json:
    _guild(home, call)
    found = home.users.get(call.params["user_id"])
    if found is None or found["id"] in home.left:
        raise DiscordError(404, 10007, "Unknown Member")
    return home.member_payload(found["id"])


async def channel(home: Home, call: Call) -> Json:
    return home.payload_of(home.channel(call.channel))


async def change_channel(home: Home, call: Call) -> Json:
    """PATCH: threads only; other channels need a permission that the bot has not."""
    return await threads.change(home, call)


async def delete_channel(home: Home, call: Call) -> Json:
    """Threads need a moderator; direct messages are only closed."""
    found = home.channel(call.channel)
    if found.type != DM:
        raise missing_permissions()
    return home.payload_of(found)


def _guild(home: Home, call: Call) -> str:
    found = call.params["guild_id"]
    if not found.isdecimal():
        raise unknown_channel()
    if found not in home.guilds:
        raise missing_access()
    return found
