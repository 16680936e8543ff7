"""What people wrote before a question that points to it: in its thread, above it in the channel, behind a link."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from typing import Any, Protocol

from adapters.fetching import MAX_FILES
from adapters.slack.api import Refusal, SlackApi
from adapters.slack.attachments import Attachments, files_of
from adapters.slack.destination import question_ts
from adapters.slack.mrkdwn import mentions, plain, without_mention
from adapters.slack.threads import members, replies, top_level
from conversation.earlier import Unread, read_earlier
from conversation.errors import Unwritable
from conversation.model import InboundMessage, Job, Role, Skill, Turn
from conversation.ports import Earlier, History
from conversation.reception import is_sign
from conversation.skills import Wish, ask_for


class Directory(Protocol):
    """Who people are. Neither method ever raises."""

    async def name_of(self, user_id: str) -> str:
        """The person's name, or the id."""

    async def sees_public_channels(self, user_id: str) -> bool:
        """Whether they surely may read every public channel."""


MAX_MESSAGES = 200  # of one entry; of a longer thread its root and the newest
ABOVE_MESSAGES, ABOVE_SECONDS = 10, 3600.0
FILE_SECONDS, MAX_REMARKS = 5.0, 3
# Reads that are left to answers which look for their own messages.
SPARE = 10

# What people write; the rest is what Slack itself tells (joined, topic set, ...).
_SAID = frozenset({None, "bot_message", "file_share", "me_message", "thread_broadcast"})
_NOT_ALLOWED = "I may not read the linked message."


class SlackHistory:
    """A History."""

    def __init__(self, api: SlackApi, people: Directory, attachments: Attachments) -> None:
        self._api, self._people, self._attachments = api, people, attachments

    async def earlier(self, job: Job, known: Collection[str]) -> Earlier:
        """See History.earlier. Our own messages are left out, and all that came after the question."""

        async def read(message: InboundMessage, entry: str) -> list[Turn]:
            try:
                said = await self._read(job, message, entry)
            except (Refusal, Unwritable) as error:
                if entry.startswith("link:"):
                    raise Unread(str(error), _NOT_ALLOWED) from error
                raise
            if entry.startswith("link:"):
                elsewhere.update({_ts(one): entry.split(":")[1] for one in said})
            turns = [await self._turn(one) for one in said]
            return await self._with_files(message.address.tenant, said, turns, remarks)

        elsewhere: dict[str, str] = {}
        remarks: list[str] = []
        found = await read_earlier(job, known, read)
        notice = "\n".join(filter(None, (found.notice, *remarks[:MAX_REMARKS])))
        return replace(found, notice=notice, elsewhere=elsewhere)

    async def _with_files(
        self, team: str, said: list[dict[str, Any]], turns: list[Turn], remarks: list[str]
    ) -> list[Turn]:
        """The files below their messages' texts; of the newest messages, for no more than a question may bring."""
        room, made = MAX_FILES, list(turns)
        for index in range(len(said) - 1, -1, -1):
            files = files_of(said[index].get("files"))[:room]
            if not files:
                continue
            room -= len(files)
            read = await self._attachments.read(team, files, seconds=FILE_SECONDS)
            text = ask_for(Wish(Skill.ASK, turns[index].text, files=read.files)).text
            made[index] = replace(turns[index], text=text)
            remarks.extend(filter(None, [read.remarks]))
        return [turn for turn in made if turn.text]

    async def _read(self, job: Job, message: InboundMessage, entry: str) -> list[dict[str, Any]]:
        """The messages of one entry of `above`, oldest first."""
        kind, *where = entry.split(":")
        team, channel = message.address.tenant, message.address.channel
        match kind, where:
            case "thread", [thread_ts]:
                under = replies(self._api, team, channel, thread_ts, spare=SPARE, latest=question_ts(job))
                said = [one async for one in self._said(under) if _ts(one) < question_ts(job)]
                return said if len(said) <= MAX_MESSAGES else [said[0], *said[1 - MAX_MESSAGES :]]
            case "channel", []:
                asked = question_ts(job)
                since = f"{float(asked) - ABOVE_SECONDS:.6f}"
                # Twice as many: our own are among them.
                pages = top_level(
                    self._api, team, channel,
                    spare=SPARE, max_pages=1, limit=2 * ABOVE_MESSAGES, latest=asked, oldest=since,
                )  # fmt: skip
                said = [one async for one in self._said(pages) if _ts(one) < asked]
                return said[:ABOVE_MESSAGES][::-1]
            case "link", [linked, ts, *thread]:
                await self._check_readable(team, linked, channel, message.author_id)
                return await self._linked(team, linked, ts, thread[0] if thread else "")
        raise Unread(f"not an entry: {entry}")

    async def _linked(self, team: str, channel: str, ts: str, thread_ts: str) -> list[dict[str, Any]]:
        only: dict[str, Any] = {"oldest": ts, "latest": ts, "inclusive": True, "limit": 2, "max_pages": 1}
        if thread_ts not in {"", ts}:
            found = replies(self._api, team, channel, thread_ts, spare=SPARE, **only)
        else:
            found = top_level(self._api, team, channel, spare=SPARE, **only)
        said = [one async for one in self._said(found, with_ours=True) if _ts(one) == ts]
        if not said:
            raise Unread("the linked message is not there", _NOT_ALLOWED)
        return said

    async def _check_readable(self, team: str, channel: str, asked_in: str, person: str) -> None:
        """What we may read is not for everybody who asks: of other channels only public ones, and for those who do not
        see all of these only the ones that they are in."""
        if channel == asked_in:
            return
        info = (await self._api.ask(team, "conversations.info", spare=SPARE, channel=channel))["channel"]
        if info.get("is_private", True) or info.get("is_im") or info.get("is_mpim"):
            raise Unread("the link leads to a private channel", _NOT_ALLOWED)
        if await self._people.sees_public_channels(person):
            return
        async for member in members(self._api, team, channel, spare=SPARE):
            if member == person:
                return
        raise Unread("the link leads where its author is not", _NOT_ALLOWED)

    async def _said(
        self, messages: AsyncIterator[dict[str, Any]], *, with_ours: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """What people and other bots said."""
        me = await self._api.me()
        async for message in messages:
            is_ours = message.get("user") == me.user or (me.bot and message.get("bot_id") == me.bot)
            if message.get("subtype") not in _SAID or (is_ours and not with_ours):
                continue
            text = _text(message)
            if (text.strip() and not _is_sign(text, me.user)) or message.get("files"):
                yield message

    async def _turn(self, message: dict[str, Any]) -> Turn:
        text, ts = _text(message), _ts(message)
        names = {user: await self._people.name_of(user) for user in mentions(text)}
        author = str(message.get("user") or message.get("bot_id") or "")
        profile = message.get("bot_profile") or {}
        name = message.get("username") or profile.get("name") or await self._people.name_of(author)
        return Turn(
            id=ts,
            exchange="",
            role=Role.USER,
            text=plain(text, names),
            at=float(ts),
            author_id=author,
            author_name=str(name),
            message_ids=(ts,),
        )


def _is_sign(text: str, us: str) -> bool:
    return is_sign(plain(without_mention(text, us), {}), mentioned=us in mentions(text))


def _ts(message: dict[str, Any]) -> str:
    return str(message.get("ts") or "")


def _text(message: dict[str, Any]) -> str:
    """In mrkdwn. Many bots write attachments only."""
    parts = [message.get("text") or ""]
    if not parts[0]:
        parts = [one.get("text") or one.get("fallback") or "" for one in message.get("attachments") or []]
    return "\n".join(str(part) for part in parts if part)


_: type[History] = SlackHistory
