"""Who and what there is in the workspace: people, channels, files, and the ids that tests name."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.servers.slack.messages import Message

Json = dict[str, Any]

TEAM, OTHER_TEAM, APP = "T0TEAM0001", "T0OTHER001", "A0CORRAL01"
BOT_USER, BOT = "U0CORRAL01", "B0CORRAL01"
OTHER_BOT = "U0OTHERBOT"  # a person as far as events go, but with a bot_id
STRANGER = "U0STRANGER"  # from another workspace, through Slack Connect
PEOPLE = [f"U0HUMAN{number:03d}" for number in range(40)]
ALICE, BOB, ADMIN = PEOPLE[0], PEOPLE[1], PEOPLE[2]  # Bob made the channels, the admin runs the workspace

PUBLIC = [f"C0PUBLIC{number:02d}" for number in range(40)]
GENERAL, RANDOM = PUBLIC[0], PUBLIC[1]
PRIVATE = "C0PRIVATE1"
ELSEWHERE = "C0ELSEWHER"  # public; the bot was never invited
MPIM = "C0GROUPDM1"


def dm_of(user: str) -> str:
    """The id of the direct messages between this person and the bot."""
    return "D" + user[1:]


@dataclass(slots=True)
class Channel:
    """A conversation. `kind` is the events' channel_type: channel, group, im or mpim."""

    id: str
    name: str
    kind: str = "channel"
    members: list[str] = field(default_factory=list)
    creator: str = ""
    is_archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    threads: defaultdict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))

    def replies(self, root_ts: str) -> list[Message]:
        """The replies to a message, oldest first."""
        return self.threads.get(root_ts, [])

    @property
    def is_member(self) -> bool:
        """Whether the bot is in it."""
        return BOT_USER in self.members

    def payload(self) -> Json:
        shown: Json = {
            "id": self.id,
            "name": self.name,
            "is_channel": self.kind == "channel",
            "is_group": False,
            "is_im": self.kind == "im",
            "is_mpim": self.kind == "mpim",
            "is_private": self.kind != "channel",
            "is_archived": self.is_archived,
            "is_member": self.is_member,
            "creator": self.creator,
            "context_team_id": TEAM,
        }
        if self.kind == "im":
            shown["user"] = next(member for member in self.members if member != BOT_USER)
            del shown["name"], shown["is_member"]
        return shown


@dataclass(slots=True)
class File:
    """A file that was uploaded, or that is going to be (`data` is None)."""

    id: str
    name: str
    data: bytes | None
    user: str = ""
    title: str = ""
    mimetype: str = "text/plain"
    filetype: str = "text"
    mode: str = "snippet"
    is_described: bool = True  # in messages; else only files.info tells what it is


def people() -> dict[str, Json]:
    people = {user: _person(user, f"human{number}") for number, user in enumerate(PEOPLE)}
    people[ALICE] = _person(ALICE, "alice")
    people[BOB] = _person(BOB, "bob")
    people[ADMIN] = {**_person(ADMIN, "carol"), "is_admin": True}
    people[BOT_USER] = _person(BOT_USER, "corral", is_bot=True)
    people[OTHER_BOT] = _person(OTHER_BOT, "deploybot", is_bot=True)
    people[STRANGER] = {**_person(STRANGER, "stranger", team=OTHER_TEAM), "is_stranger": True}
    return people


def _person(user: str, name: str, *, is_bot: bool = False, team: str = TEAM) -> Json:
    return {
        "id": user,
        "team_id": team,
        "name": name,
        "real_name": name.title(),
        "deleted": False,
        "tz": "Europe/Berlin",
        "locale": "en-US",
        "is_bot": is_bot,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "profile": {"display_name": name, "real_name": name.title(), "team": team},
    }


def channels() -> dict[str, Channel]:
    everybody = [*PEOPLE, STRANGER, OTHER_BOT, BOT_USER]
    made = [
        Channel(channel, f"public-{number}", members=everybody.copy(), creator=BOB)
        for number, channel in enumerate(PUBLIC)
    ]
    made += [
        Channel(PRIVATE, "secret", "group", [ALICE, BOB, BOT_USER]),
        Channel(ELSEWHERE, "elsewhere", members=[ALICE, BOB]),
        Channel(MPIM, "mpdm-alice--bob--corral-1", "mpim", [ALICE, BOB, BOT_USER]),
    ]
    made += [Channel(dm_of(user), "", "im", [user, BOT_USER]) for user in [*PEOPLE, STRANGER]]
    return {channel.id: channel for channel in made}
