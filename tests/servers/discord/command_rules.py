"""Which commands Discord takes, and what its clients let people give them (docs: interactions/application-commands)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.servers.discord.cast import Json
from tests.servers.discord.errors import DiscordError, invalid_form

SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, SUBCOMMAND_GROUP = 1, 2
_NAME = re.compile(r"[-_'\w]{1,32}")
# Of each kind, for one app. The code is assumed: Discord lists it for commands in general.
MOST = {SLASH: 100, USER_MENU: 5, MESSAGE_MENU: 5}
MAX_TOO_MANY, MAX_OPTIONS, MAX_WORDS = 30032, 25, 8000


def check_all(commands: Sequence[Json]) -> None:
    """DiscordError for a set of commands that Discord does not take."""
    for number, command in enumerate(commands):
        check(str(number), command)
    for kind, most in MOST.items():
        if sum(command.get("type", SLASH) == kind for command in commands) > most:
            raise DiscordError(400, MAX_TOO_MANY, f"Maximum number of application commands reached ({most})")


def check(path: str, command: Json) -> None:
    """The same for one of them; `path` is where it stands in the body."""
    name, kind = str(command.get("name") or ""), command.get("type", SLASH)
    at = f"{path}." if path else ""
    if kind != SLASH:
        _need(1 <= len(name) <= 32, f"{at}name", "Must be between 1 and 32 in length.")
        _need(not command.get("options"), f"{at}options", "Context menu commands cannot have options")
        return
    _check_named(at, command)
    options = command.get("options") or []
    _check_options(at, options, nested=2)
    _need(_words(command) <= MAX_WORDS, f"{at}name", "Application command is too large")


def check_given(options: Sequence[Json], given: Mapping[str, Any]) -> None:
    """AssertionError for what a client does not let people send."""
    for option in options:
        name, value = option["name"], given.get(option["name"])
        assert name in given or not option.get("required"), f"{name!r} is required"
        if isinstance(value, str) and option["type"] == 3:
            least, most = option.get("min_length") or 1, option.get("max_length") or 6000
            assert least <= len(value) <= most, f"{name!r} takes {least} to {most} characters, not {len(value)}"


def as_typed(value: Any) -> Any:
    """As a client sends it: an option is one line, and a paste's line ends become blanks."""
    return value.replace("\r\n", " ").replace("\n", " ") if isinstance(value, str) else value


def _check_options(at: str, options: Sequence[Json], nested: int) -> None:
    _need(len(options) <= MAX_OPTIONS, f"{at}options", "Must be 25 or fewer in length.")
    names = [option.get("name") for option in options]
    _need(len(names) == len(set(names)), f"{at}options", "Option names must be unique")
    groups = [option.get("type") in {SUBCOMMAND, SUBCOMMAND_GROUP} for option in options]
    _need(
        all(groups) or not any(groups), f"{at}options", "Sub-command and sub-command group option types are exclusive"
    )
    required = [bool(option.get("required")) for option in options]
    _need(required == sorted(required, reverse=True), f"{at}options", "Required options must come before others")
    for number, option in enumerate(options):
        inner = f"{at}options.{number}."
        _check_named(inner, option)
        choices = option.get("choices") or []
        _need(len(choices) <= MAX_OPTIONS, f"{inner}choices", "Must be 25 or fewer in length.")
        _need(not (choices and option.get("autocomplete")), f"{inner}autocomplete", "Cannot have choices too")
        if option.get("type") in {SUBCOMMAND, SUBCOMMAND_GROUP}:
            _need(nested > 0, f"{inner}type", "A sub-command cannot hold sub-commands")
            is_group = option["type"] == SUBCOMMAND_GROUP
            inside = option.get("options") or []
            _need(
                all((one.get("type") == SUBCOMMAND) == is_group for one in inside),
                f"{inner}options",
                "A group holds sub-commands, a sub-command none",
            )
            _check_options(inner, inside, nested - 1)


def _check_named(at: str, named: Json) -> None:
    name = str(named.get("name") or "")
    if not _NAME.fullmatch(name) or name != name.lower():
        raise invalid_form(f"{at}name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    _need(1 <= len(named.get("description") or "") <= 100, f"{at}description", "Must be between 1 and 100 in length.")


def _words(of: Json) -> int:
    """Characters of all names, descriptions and values."""
    own = len(str(of.get("name") or "")) + len(of.get("description") or "") + len(str(of.get("value") or ""))
    return own + sum(_words(one) for one in (*(of.get("options") or ()), *(of.get("choices") or ())))


def _need(holds: bool, where: str, message: str) -> None:
    if not holds:
        raise invalid_form(where, "BASE_TYPE_BAD_LENGTH", message)
