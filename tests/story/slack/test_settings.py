"""Settings without a new start: the form of `/corral settings`, and what comes of it in new threads."""

from __future__ import annotations

import pytest

from adapters.slack.settings_form import ADMINS_ONLY
from conversation import notices
from conversation.preferences import MOST_ADDITIONS
from tests.servers.slack import ADMIN, ALICE, BOB, GENERAL, PRIVATE, SlackServer, dm_of
from tests.story.slack.conftest import AT_ONCE, QUESTION, Office
from tests.waiting import until

LANGUAGE = "Write code in TypeScript unless another language is asked for."


@pytest.fixture(autouse=True)
def _at_once(office: Office) -> None:
    office.model.behaviour = AT_ONCE


def fields(slack: SlackServer, user: str = ALICE) -> set[str]:
    """Whose fields somebody sees."""
    return {name.partition(".")[0] for name in slack.modal(user).inputs}


async def test_a_person_sets_what_is_their_own(office: Office, slack: SlackServer) -> None:
    """It holds for new threads, and the form shows it the next time."""
    async with office.replica():
        before = await slack.mention(QUESTION)
        await office.settled()
        assert (await slack.command("/corral", "settings")).reply == {}
        assert fields(slack) == {"person"}
        assert "Set for this channel: nothing." in slack.modal().said
        await slack.submit(
            person__language="ts",
            person__additions="Be brief.",
            person__temperature="0.5",
            person__max_new_tokens="20",
        )
        told = slack.modal().said
        assert told.startswith(
            "Set for you: code in TypeScript, variety 0.5, answers of up to 20 tokens, standing instructions of 9 char"
        )
        assert notices.FOR_NEW_THREADS in told
        await slack.say("and backwards?", thread_ts=before)
        await office.settled()
        assert LANGUAGE not in office.last_prompt()
        await slack.mention(QUESTION)
        await office.settled()
        request = office.model.requests[-1]
        assert LANGUAGE in request["inputs"]
        assert "Be brief." in request["inputs"]
        assert (request["parameters"]["temperature"], request["parameters"]["max_new_tokens"]) == (0.5, 20)
        await slack.command("/corral", "settings")
        assert slack.modal().entered == {
            "person.language": "TypeScript",
            "person.additions": "Be brief.",
            "person.temperature": "0.5",
            "person.max_new_tokens": "20",
        }
        await slack.mention(QUESTION, user=BOB)
        await office.settled()
    assert LANGUAGE not in office.last_prompt()


@pytest.mark.parametrize("manager", [ADMIN, BOB])
async def test_who_manages_the_channel_sets_it_for_all(office: Office, slack: SlackServer, manager: str) -> None:
    """The workspace's admins, and who made the channel."""
    async with office.replica():
        await slack.command("/corral", "settings", user=manager)
        assert fields(slack, manager) == {"person", "channel"}
        await slack.submit(user=manager, channel__language="typescript")
        assert "Set for this channel: code in TypeScript." in slack.modal(manager).said
        await slack.mention(QUESTION)
        await office.settled()
    assert LANGUAGE in office.last_prompt()


async def test_what_is_wrong_is_told_at_its_field(office: Office, slack: SlackServer) -> None:
    """The form stays open with all that was entered."""
    async with office.replica():
        await slack.command("/corral", "settings", user=BOB)
        form = slack.modal(BOB)
        await slack.submit(
            user=BOB,
            person__language="Klingon",
            person__temperature="hot",
            channel__temperature="3",
            channel__max_new_tokens="0",
        )
        assert form.is_open
        assert set(form.errors) == {
            "person.language",
            "person.temperature",
            "channel.temperature",
            "channel.max_new_tokens",
        }
        assert form.errors["person.language"] == notices.no_such_language("Klingon")


@pytest.mark.parametrize("wrong", ["person", "channel"])
async def test_a_form_is_kept_whole_or_not_at_all(office: Office, slack: SlackServer, wrong: str) -> None:
    """Who is told that something is wrong with it has set nothing."""
    right = "channel" if wrong == "person" else "person"
    async with office.replica():
        await slack.command("/corral", "settings", user=BOB)
        form = slack.modal(BOB)
        await slack.submit(user=BOB, **{f"{right}__language": "Rust", f"{wrong}__language": "Klingon"})
        assert set(form.errors) == {f"{wrong}.language"}
        form.is_open = False
        await slack.command("/corral", "settings", user=BOB)
        entered = slack.modal(BOB).entered
        assert (entered["person.language"], entered["channel.language"]) == ("", "")


async def test_who_saves_a_form_unsets_nothing_that_others_set_meanwhile(office: Office, slack: SlackServer) -> None:
    """Two who manage a channel have it open: what each of them changes is kept, what neither touched too."""
    async with office.replica():
        await slack.command("/corral", "settings", user=BOB)
        await slack.submit(user=BOB, channel__temperature="0.5")
        slack.modal(BOB).is_open = False
        for user in BOB, ADMIN:
            await slack.command("/corral", "settings", user=user)
        await slack.submit(user=BOB, channel__language="Rust", person__max_new_tokens="20")
        await slack.submit(user=ADMIN, channel__additions="Use tabs.", channel__temperature="")
        assert slack.modal(ADMIN).said.endswith(
            "Set for this channel: code in Rust, standing instructions of 9 characters. " + notices.FOR_NEW_THREADS
        )
        for user in BOB, ADMIN:
            slack.modal(user).is_open = False
            await slack.command("/corral", "settings", user=user)
    assert slack.modal(BOB).entered == {
        "person.language": "",
        "person.additions": "",
        "person.temperature": "",
        "person.max_new_tokens": "20",
        "channel.language": "Rust",
        "channel.additions": "Use tabs.",
        "channel.temperature": "",
        "channel.max_new_tokens": "",
    }


async def test_the_field_says_who_can_read_it(office: Office, slack: SlackServer) -> None:
    """And takes no more than is kept."""
    async with office.replica():
        await slack.command("/corral", "settings")
        field = slack.modal().inputs["person.additions"]
    assert "In a thread that others read, they can have the model repeat it" in field["hint"]["text"]
    assert field["element"]["max_length"] == MOST_ADDITIONS


async def test_who_lost_the_right_meanwhile_sets_nothing(office: Office, slack: SlackServer) -> None:
    """It is asked again when the form is sent in."""
    async with office.replica():
        await slack.command("/corral", "settings", user=BOB)
        slack.home.channels[GENERAL].creator = ALICE
        await slack.submit(user=BOB, channel__language="typescript")
        assert slack.modal(BOB).errors == {"channel.language": ADMINS_ONLY}


async def test_where_slack_does_not_tell_who_made_it_admins_do(office: Office, slack: SlackServer) -> None:
    """Of private channels we are not told; in direct messages there is nobody else."""
    async with office.replica():
        slack.home.channels[PRIVATE].creator = BOB
        slack.home.channels[PRIVATE].members.append(ADMIN)
        for user in BOB, ADMIN:
            await slack.command("/corral", "settings", channel=PRIVATE, user=user)
        await slack.command("/corral", "settings", channel=dm_of(ALICE))
    assert (fields(slack, BOB), fields(slack, ADMIN), fields(slack)) == (
        {"person"},
        {"person", "channel"},
        {"person"},
    )


async def test_settings_are_told_by_status(office: Office, slack: SlackServer) -> None:
    """To whoever asks."""
    async with office.replica():
        await slack.command("/corral", "settings")
        await slack.submit(person__language="Rust")
        await slack.command("/corral", "status")
        await until("it is told", lambda: len(slack.ephemerals) == 1)
        await office.settled()
    assert slack.ephemerals[0].shown.splitlines()[-1] == "Set for you: code in Rust."


async def test_a_settings_form_whose_process_died_is_taken_in_by_the_next(office: Office, slack: SlackServer) -> None:
    """What it is about travels with it."""
    async with office.replica():
        await slack.command("/corral", "settings")
    async with office.replica():
        await slack.submit(person__language="Rust")
    assert slack.modal().said.startswith("Set for you: code in Rust.")
