"""Files that people attach, fetched over real sockets as Slack gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.attachments import MAX_BYTES
from adapters.fetching import MAX_FILES, Read
from adapters.slack.addresses import is_slacks
from adapters.slack.attachments import Attachments, File, files_of
from conversation.skills import CodeFile
from tests.adapters.slack.desk import Desk, desk
from tests.servers.slack import SlackServer


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Desk]:
    """Somebody who has the bot's token."""
    async with SlackServer() as slack, desk(slack, redis_client) as opened:
        yield opened


async def read(at_work: Desk, *file_ids: str) -> Read:
    """What is read of files that a message describes."""
    home = at_work.slack.home
    described = [home.file_payload(home.files[file_id]) for file_id in file_ids]
    return await Attachments(at_work.api).read(at_work.slack.team, files_of(described))


async def test_text_is_read_byte_for_byte(at_work: Desk) -> None:
    """Tabs and line ends too, with the language that the name tells."""
    found = await read(at_work, at_work.slack.add_file("a.py", b"if x:\r\n\treturn\r\n"))
    (file,) = found.files
    assert (file.text, file.name, found.remarks) == ("if x:\r\n\treturn\r\n", "a.py", "")
    assert file.language is not None
    assert file.language.tag == "python"


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.py", b"PK\x03\x04....", "a.py is a ZIP archive, and I read only text and code."),
        ("a.txt", b"", "a.txt is empty."),
        ("big.sql", b"x" * (MAX_BYTES + 1), "big.sql is larger than 64 KiB."),
    ],
)
async def test_what_is_no_text_is_told(at_work: Desk, name: str, data: bytes, sentence: str) -> None:
    """Judged by what is in it, not by its name."""
    found = await read(at_work, at_work.slack.add_file(name, data))
    assert found.files == ()
    assert sentence in found.remarks


async def test_too_large_a_file_is_not_even_fetched(at_work: Desk) -> None:
    """Slack says how long it is."""
    file = File("F1", "big.sql", MAX_BYTES + 1, f"{at_work.slack.url}/nowhere")
    assert "larger" in (await Attachments(at_work.api).read("T", [file])).remarks


async def test_files_of_shared_channels_are_asked_for(at_work: Desk) -> None:
    """A message tells nothing but their id."""
    file_id = at_work.slack.add_file("a.py", "x = 1\n")
    found = await Attachments(at_work.api).read(
        at_work.slack.team, files_of([{"id": file_id, "file_access": "check_file_info"}])
    )
    assert [file.text for file in found.files] == ["x = 1\n"]
    assert len(at_work.slack.calls_of("files.info")) == 1


async def test_a_page_for_signing_in_is_not_the_file(at_work: Desk) -> None:
    """Slack answers a token that may not read with 200 and that page."""
    file_id = at_work.slack.add_file("a.html", "<p>Hi</p>")
    described = at_work.slack.home.file_payload(at_work.slack.home.files[file_id])
    at_work.slack.bot_token = "another"
    found = await Attachments(at_work.api).read(at_work.slack.team, files_of([described]))
    assert found == Read((), "a.html was not read: Slack did not give it to me.")


async def test_what_lies_elsewhere_is_left_there(at_work: Desk) -> None:
    """A link to somebody else's drive, and an address that is not Slack's: our token is not sent there."""
    external = at_work.slack.add_file("plan.doc", "x", is_external=True)
    assert (await read(at_work, external)).remarks == "plan.doc was not read: it does not come from Slack."
    forged = File("F1", "a.py", 5, "https://files.slack.com.evil.example/a.py")
    found = await Attachments(at_work.api).read("T", [forged])
    assert found.remarks == "a.py was not read: Slack did not give it to me."


async def test_so_many_files_are_read(at_work: Desk) -> None:
    """The others are named."""
    ids = [at_work.slack.add_file(f"f{number}.txt", f"n = {number}") for number in range(MAX_FILES + 2)]
    found = await read(at_work, *ids)
    assert [file.name for file in found.files] == [f"f{number}.txt" for number in range(MAX_FILES)]
    assert found.remarks.splitlines() == [
        f"f{number}.txt was not read: I read {MAX_FILES} files of a message." for number in (MAX_FILES, MAX_FILES + 1)
    ]


async def test_a_file_that_is_gone_is_told(at_work: Desk) -> None:
    """And one that takes too long."""
    gone = File("F1", "gone.py", 5, f"{at_work.slack.url}/files-pri/T-F1/download/gone.py")
    at_work.slack.hang("files.info")
    slow = File("F2", "slow.py")
    found = await Attachments(at_work.api).read("T", [gone, slow], seconds=0.3)
    assert found.files == ()
    assert [line.partition(" ")[0] for line in found.remarks.splitlines()] == ["gone.py", "slow.py"]
    at_work.slack.release()


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://files.slack.com/files-pri/T1-F1/a.py", True),
        ("https://hooks.slack.com/commands/1", True),
        ("https://hooks.slack-gov.com/commands/1", True),
        ("https://slack.com/x", True),
        ("http://127.0.0.1:9/x", True),
        ("http://files.slack.com/x", False),
        ("https://files.slack.com@evil.example/x", False),
        ("https://evil.example/files.slack.com", False),
        ("https://notslack.com/x", False),
        ("https://files.slack.com:8443/x", False),
        ("http://127.0.0.1:90/x", False),
        ("http://[::1/x", False),
        ("", False),
    ],
)
def test_only_slack_is_called(url: str, is_ours: bool) -> None:
    """With the bot's token above all."""
    assert is_slacks(url, "http://127.0.0.1:9") is is_ours


def test_odd_descriptions_are_left_out() -> None:
    """They come from outside."""
    odd = [None, "F1", {"name": "a"}, {"id": 3}, {"id": "F1", "size": "9", "name": "a\ud800"}]
    assert files_of(odd) == (File("F1", "a\ufffd"),)
    assert files_of("F1") == files_of(None) == files_of({"id": "F1"}) == ()
    assert isinstance(CodeFile(""), CodeFile)
