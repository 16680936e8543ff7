"""What was read elsewhere for an answer: it stays its author's."""

from __future__ import annotations

import pytest

from tests.servers.slack import BOB, GENERAL, OTHER_BOT, RANDOM, SlackServer
from tests.story.slack.conftest import AT_ONCE, Office


def link_to(channel: str, ts: str) -> str:
    return f"https://acme.slack.com/archives/{channel}/p{ts.replace('.', '')}"


async def remembered(office: Office, root_ts: str) -> str:
    return "\n".join(text for _, text in await office.turns(root_ts))


@pytest.mark.parametrize("author", [BOB, OTHER_BOT])
@pytest.mark.parametrize("where", ["link", "above"])
async def test_what_its_author_deletes_elsewhere_is_forgotten_here(
    office: Office, slack: SlackServer, where: str, author: str
) -> None:
    """In each thread that it was read into, and nothing else of them; nobody is told."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        channel = RANDOM if where == "link" else GENERAL
        secret = await slack.say("the password is hunter2", channel=channel, user=author)
        if where == "link":
            asked = [await slack.mention(f"what is {link_to(RANDOM, secret)}?") for _ in range(2)]
        else:
            asked = [await slack.mention("", user=BOB), await slack.mention("")]
        await office.settled()
        for ts in asked:
            assert "hunter2" in await remembered(office, ts)
        before = [one.shown for one in slack.bot_messages()]
        await slack.delete(secret)
        await office.settled()
        for ts in asked:
            assert "hunter2" not in await remembered(office, ts)
            assert ("assistant", office.thread(ts)[0].body) in await office.turns(ts)
        assert [one.shown for one in slack.bot_messages()] == before


async def test_what_its_author_edits_elsewhere_is_known_as_it_is_now(office: Office, slack: SlackServer) -> None:
    """The next question in the thread sees the new words."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        source = await slack.say("the limit is five", channel=RANDOM, user=BOB)
        ts = await slack.mention(f"what is {link_to(RANDOM, source)}?")
        await office.settled()
        await slack.edit(source, "the limit is seven")
        await office.settled()
        assert len(office.thread(ts)) == 1
        await slack.say("say it again", thread_ts=ts)
        await office.settled()
    assert "the limit is seven" in office.last_prompt()
    assert "the limit is five" not in office.last_prompt()


async def test_people_may_edit_and_delete_what_nobody_read(office: Office, slack: SlackServer) -> None:
    """That is none of our business: nothing is asked, nothing said."""
    async with office.replica():
        ts = await slack.say("chat", user=BOB)
        await slack.edit(ts, "more chat")
        await slack.delete(ts)
        await office.settled()
    assert not slack.bot_messages()
    assert not office.model.requests
