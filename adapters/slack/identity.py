"""Who we are in the workspace, and what the operator gave us to be that."""

from __future__ import annotations

from dataclasses import dataclass, field

from conversation.errors import CorralError

SLACK_API_URL = "https://slack.com/api/"


class SlackRefused(CorralError):
    """Slack takes a token for good no more; the message tells the operator what to do."""


@dataclass(frozen=True, slots=True)
class SlackAccess:
    """What the operator gave us. With `app_token` events come over Socket Mode, else as requests signed with
    `signing_secret`. `api_url` ends in `/api/`."""

    bot_token: str = field(repr=False)
    app_token: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)
    api_url: str = SLACK_API_URL


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids of our workspace, of us as a user and as a bot, and of the organisation ("" outside Enterprise Grid)."""

    team: str
    user: str
    bot: str
    enterprise: str = ""

    def is_home(self, team: str) -> bool:
        """Whether people of this team are ours; of an unknown one ("") they are."""
        return team in {"", self.team} or (self.enterprise != "" and team == self.enterprise)
