"""The slash commands `/corral` and `/code`. Pure.

Source: docs.slack.dev/interactivity/implementing-slash-commands. Slack delivers a command once, and refuses those of
apps inside threads: the answer gets a thread of its own, which the writer opens.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from adapters.slack.identity import Identity
from adapters.slack.mrkdwn import plain
from adapters.slack.payloads import Json, Malformed, identifier, part, string
from adapters.slack.places import address, linked
from adapters.wishes import parsed_wish
from conversation import guide
from conversation.errors import PromptError
from conversation.model import InboundMessage, Skill
from conversation.reception import Heard
from conversation.skills import ask_for

log = logging.getLogger(__name__)

CORRAL, CODE = "/corral", "/code"
ASKED_CHARS = 300  # of the question, shown above the answer

HELP = (
    f"`{CORRAL} <question>` asks me here, `{CODE} [language] <what>` asks for a snippet. "
    f"In direct messages just write. {guide.HELP}"
)
CODE_USAGE = f"Tell me what to write: `{CODE} python read a CSV file`."
ONLY_IN_THREADS = "That works inside a thread: mention me there with `{word}`."
ANSWER_COMES = "The answer comes in a moment, in a thread here."
ANSWER_COMES_DIRECTLY = (
    "I am not in this channel (`/invite` brings me in), so the answer comes in a moment in our direct messages."
)
ANSWER_COMES_SOMEWHERE = "The answer comes in a moment: in a thread here, or in our direct messages if I am not here."
NOT_KNOWN = "I do not know this command."
NOT_READ = "I could not read this command. Please try it again."

# What is said to a running answer or a thread, and a command belongs to neither.
_OF_THREADS = frozenset({"stop", "quiet", "mute", "back", "unmute", "forget"})


def answer_comes(is_member: bool | None) -> str:
    """What the author is told when the question has been stored: where the answer will be."""
    if is_member is None:
        return ANSWER_COMES_SOMEWHERE
    return ANSWER_COMES if is_member else ANSWER_COMES_DIRECTLY


def translate(payload: Json, me: Identity, names: Mapping[str, str], now: float) -> Heard | str:
    """The question that a command asks, or what its author is told instead. `now` is seconds since 1970."""
    try:
        return _translate(part(payload), me, names, now)
    except Malformed as exc:
        log.warning("a command of Slack's cannot be read: %s", exc)
        return NOT_READ


def _translate(body: Json, me: Identity, names: Mapping[str, str], now: float) -> Heard | str:
    command, mrkdwn = string(body, "command"), string(body, "text")
    asked = plain(mrkdwn, names).strip()
    word = asked.lower()
    if command not in {CORRAL, CODE}:
        return NOT_KNOWN
    if word in {"help", "?"} or (command == CORRAL and not word):
        return HELP
    if command == CORRAL and word in _OF_THREADS:
        return ONLY_IN_THREADS.format(word=word)
    try:
        question = asked if command == CORRAL else ask_for(parsed_wish(Skill.CODE, asked)).text
    except PromptError:
        return CODE_USAGE
    channel, user, team = identifier(body, "channel_id"), identifier(body, "user_id"), string(body, "team_id")
    trigger = string(body, "trigger_id")
    if not trigger:
        raise Malformed("trigger_id is missing")
    # The same in a replayed request: it is answered once.
    message_id = f"command-{trigger}"
    message = InboundMessage(
        address=address(me, channel, message_id),
        message_id=message_id,
        author_id=user,
        author_name=names.get(user, user),
        text=question,
        sent_at=now,
        above=linked(mrkdwn),
        reply_to={"command": command, "user": user, "team": team or me.team, "asked": asked[:ASKED_CHARS]},
    )
    return Heard(message, mentioned=True, external=not me.is_home(team))
