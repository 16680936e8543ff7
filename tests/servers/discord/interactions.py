"""What people press and call up (docs: interactions/receiving-and-responding#interaction-object)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tests.servers.discord import command_rules, commands, modals
from tests.servers.discord.cast import ALICE, APP, GENERAL, Id, Json
from tests.servers.discord.command_rules import MESSAGE_MENU, SLASH, SUBCOMMAND, SUBCOMMAND_GROUP, USER_MENU
from tests.servers.discord.components import BUTTON, SELECTS
from tests.servers.discord.home import Home
from tests.servers.discord.interaction import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interaction
from tests.servers.discord.permissions import EVERYBODY

_USER, _CHANNEL, _ATTACHMENT = 6, 7, 11


class Interactions:
    """Buttons, menus, commands and forms. Each act returns once the bot has answered, or has not in time (`failed`)."""

    def __init__(self, home: Home) -> None:
        self.home = home

    async def press(self, message: Id, custom_id: str, *, user: Id = ALICE) -> Interaction:
        """Press a button that the message shows."""
        return await self._use(message, custom_id, user, {BUTTON}, {})

    async def select(self, message: Id, custom_id: str, values: Sequence[str], *, user: Id = ALICE) -> Interaction:
        """Choose from a menu that the message shows."""
        return await self._use(message, custom_id, user, SELECTS, {"values": list(values)})

    async def command(
        self, name: str, options: Mapping[str, Any] | None = None, *, channel: Id = GENERAL, user: Id = ALICE
    ) -> Interaction:
        """Call a slash command; a subcommand's name stands after a blank. A file is given as its id (`add_file`)."""
        data = self._slash(name, options or {}, channel)
        return await self._interact(COMMAND, name, str(channel), str(user), data)

    async def autocomplete(
        self, name: str, option: str, typed: str, *, options: Mapping[str, Any] | None = None, channel: Id = GENERAL
    ) -> list[Json]:
        """Type into an option; the choices that the bot offers."""
        data = self._slash(name, {**(options or {}), option: typed}, channel, focused=option)
        made = await self._interact(AUTOCOMPLETE, name, str(channel), ALICE, data)
        return made.choices

    async def message_menu(self, name: str, message: Id, *, user: Id = ALICE) -> Interaction:
        """Call a message's command, from its menu."""
        target = self.home.find(message)
        guild = self.home.channels[target.channel].guild
        found = commands.registered(self.home, name, MESSAGE_MENU, guild)
        data: Json = {"id": found["id"], "name": name, "type": MESSAGE_MENU, "target_id": target.id}
        data["resolved"] = {"messages": {target.id: self.home.payload(target)}}
        return await self._interact(COMMAND, name, target.channel, str(user), data)

    async def user_menu(self, name: str, whom: Id, *, channel: Id = GENERAL, user: Id = ALICE) -> Interaction:
        """Call a person's command, from their menu."""
        found = commands.registered(self.home, name, USER_MENU, self.home.channels[str(channel)].guild)
        data: Json = {"id": found["id"], "name": name, "type": USER_MENU, "target_id": str(whom)}
        data["resolved"] = self._resolved_user(str(whom))
        return await self._interact(COMMAND, name, str(channel), str(user), data)

    async def submit(self, shown: Interaction, values: Mapping[str, str]) -> Interaction:
        """Fill in the form that an interaction was answered with, by the inputs' custom_ids, and send it."""
        assert shown.modal is not None, f"{shown.name} was answered with no form"
        data = {"custom_id": shown.modal["custom_id"], "components": modals.filled(shown.modal, values)}
        return await self._interact(MODAL, data["custom_id"], shown.channel, shown.user, data, shown.message)

    async def _use(self, message: Id, custom_id: str, user: Id, kinds: set[int], more: Json) -> Interaction:
        target = self.home.find(message)
        found = [one for one in target.buttons if one.custom_id == custom_id and one.type in kinds]
        assert found, f"nothing called {custom_id!r} on {message}; there are {target.buttons}"
        assert not found[0].disabled, f"{custom_id!r} on {message} is disabled"
        assert target.ephemeral_for in (None, str(user)), f"{user} does not see {message}"
        data = {"custom_id": custom_id, "component_type": found[0].type, "id": 1, **more}
        return await self._interact(COMPONENT, custom_id, target.channel, str(user), data, target.id)

    async def _interact(
        self, kind: int, name: str, channel: str, user: str, data: Json, message: str | None = None
    ) -> Interaction:
        place = self.home.channels[channel]
        made = Interaction(
            self.home.snowflakes.next(), uuid.uuid4().hex, kind, name, user, channel, place.guild, message
        )
        self.home.interactions[made.id] = self.home.tokens[made.token] = made
        self.home.announce("INTERACTION_CREATE", self._payload(made, data), place.guild)
        try:
            async with asyncio.timeout(self.home.ack_seconds):
                await made.answered.wait()
        except TimeoutError:
            made.failed = True
        return made

    def _payload(self, made: Interaction, data: Json) -> Json:
        place, person = self.home.channels[made.channel], self.home.users[made.user]
        permissions = str(int(self.home.allowed_to(made.user)))
        shown: Json = {
            "id": made.id,
            "application_id": APP,
            "type": made.type,
            "token": made.token,
            "version": 1,
            "data": data,
            "channel_id": made.channel,
            "channel": self.home.payload_of(place) | {"permissions": permissions},
            "app_permissions": str(int(self.home.allowed(place))),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": made.guild or "0"},
            "context": 1 if made.guild is None else 0,
            "attachment_size_limit": 10 << 20,
        }
        if made.message is not None:
            shown["message"] = self.home.payload(self.home.find(made.message))
        if made.guild is None:
            return shown | {"user": person}
        guild = {"id": made.guild, "locale": "en-US", "features": []}
        member = self.home.member_payload(made.user) | {"permissions": permissions}
        return shown | {"guild_id": made.guild, "guild_locale": "en-US", "guild": guild, "member": member}

    def _slash(self, name: str, options: Mapping[str, Any], channel: Id, *, focused: str | None = None) -> Json:
        first, *subcommands = name.split(" ")
        found = commands.registered(self.home, first, SLASH, self.home.channels[str(channel)].guild)
        levels, inner = [], found["options"]
        groups = [one for one in inner if one["type"] in {SUBCOMMAND, SUBCOMMAND_GROUP}]
        assert subcommands or not groups, f"{first!r} alone cannot be called: it has subcommands"
        for part in subcommands:
            level = next(one for one in inner if one["name"] == part)
            assert level["type"] in {SUBCOMMAND, SUBCOMMAND_GROUP}, f"{part!r} is no subcommand of {first!r}"
            levels.append(level)
            inner = level.get("options") or []
        kinds = {one["name"]: one["type"] for one in inner}
        assert set(options) <= set(kinds), f"{name!r} has the options {sorted(kinds)}, not {sorted(options)}"
        if focused is None:
            command_rules.check_given(inner, options)
        given: list[Json] = [
            {"name": option, "type": kinds[option], "value": command_rules.as_typed(value)}
            | ({"focused": True} if option == focused else {})
            for option, value in options.items()
        ]
        resolved = self._resolved(given)
        for level in reversed(levels):
            given = [{"name": level["name"], "type": level["type"], "options": given}]
        data: Json = {"id": found["id"], "name": first, "type": SLASH, "options": given}
        return data | ({"guild_id": found["guild_id"]} if "guild_id" in found else {}) | resolved

    def _resolved(self, given: Sequence[Json]) -> Json:
        resolved: Json = {}
        for option in given:
            name = str(option["value"])
            if option["type"] == _USER:
                for part, people in self._resolved_user(name).items():
                    resolved.setdefault(part, {}).update(people)
            elif option["type"] == _CHANNEL:
                shown = self.home.payload_of(self.home.channels[name]) | {"permissions": str(int(EVERYBODY))}
                resolved.setdefault("channels", {})[name] = shown
            elif option["type"] == _ATTACHMENT:
                resolved.setdefault("attachments", {})[name] = self.home.file_payload(name)
        return {"resolved": resolved} if resolved else {}

    def _resolved_user(self, user: str) -> Json:
        person = self.home.users[user]
        hidden = {"user", "deaf", "mute"}
        member = {name: value for name, value in self.home.member_payload(user).items() if name not in hidden}
        return {"users": {user: person}, "members": {user: member | {"permissions": str(int(EVERYBODY))}}}
