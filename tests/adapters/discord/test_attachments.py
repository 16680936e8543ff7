"""Files that come with a question, from a local CDN."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.discord.attachments import CDN, MAX_BYTES, MAX_FILES, Attachments
from adapters.discord.events import File
from conversation.model import InboundMessage, ThreadId

QUESTION = InboundMessage(ThreadId("discord", "1", "2", "3"), "3", "4", "Ada", "why?", 0.0)

ASKED: web.AppKey[list[str]] = web.AppKey("asked")

GIVEN: dict[str, tuple[bytes, int]] = {
    "a.py": (b"print(1)\n", 200),
    "bom.txt": (b"\xef\xbb\xbfhello", 200),
    "fence.md": (b"```\nx\n```", 200),
    "latin.txt": (b"caf\xe9", 200),
    "nul.bin": (b"a\x00b", 200),
    "gone.txt": (b"", 404),
    "moved.txt": (b"", 302),
    "liar.txt": (b"x" * (MAX_BYTES + 10), 200),
    "full.txt": (b"x" * MAX_BYTES, 200),
}


@pytest.fixture
async def cdn() -> AsyncIterator[TestServer]:
    asked: list[str] = []

    async def give(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        asked.append(name)
        body, status = GIVEN[name]
        return web.Response(body=body, status=status, headers={"Location": "/a.py"} if status == 302 else {})

    app = web.Application()
    app.router.add_get("/{name}", give)
    app[ASKED] = asked
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


@pytest.fixture
async def attachments(cdn: TestServer) -> AsyncIterator[Attachments]:
    async with aiohttp.ClientSession() as session:
        yield Attachments(session, origins=[str(cdn.make_url("/")).rstrip("/")])


def file(cdn: TestServer, name: str, *, size: int = 10, content_type: str = "text/plain; charset=utf-8") -> File:
    return File(name, str(cdn.make_url(f"/{name}")), size, content_type)


async def test_text_is_read_into_the_question(cdn: TestServer, attachments: Attachments) -> None:
    """Fenced so that nothing in it ends the fence; of a type that Discord does not know, too."""
    files = [file(cdn, "a.py", content_type=""), file(cdn, "bom.txt"), file(cdn, "fence.md")]
    read = await attachments.read_into(QUESTION, files)
    assert read.text == (
        "why?\n\na.py:\n```\nprint(1)\n```\n\nbom.txt:\n```\nhello\n```\n\nfence.md:\n````\n```\nx\n```\n````"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("latin.txt", "it is not a text file"),
        ("nul.bin", "it is not a text file"),
        ("gone.txt", "Discord did not give it to me"),
        ("moved.txt", "Discord did not give it to me"),
        ("liar.txt", "it is larger than 64 KiB"),
    ],
)
async def test_what_cannot_be_read_is_told(cdn: TestServer, attachments: Attachments, name: str, why: str) -> None:
    """In a line of the question, and nothing is followed elsewhere."""
    read = await attachments.read_into(QUESTION, [file(cdn, name)])
    assert read.text == f"why?\n\n[{name}: not read, because {why}]"
    assert read.remarks == f"I did not read `{name}`: {why}."
    assert "a.py" not in cdn.app[ASKED]


async def test_what_is_surely_none_is_not_asked_for(cdn: TestServer, attachments: Attachments) -> None:
    """Pictures, archives, what is too large, and what comes from elsewhere."""
    files = [
        file(cdn, "cat.png", content_type="image/png"),
        file(cdn, "src.tar.gz", content_type="application/x-tar"),
        file(cdn, "a.py", size=MAX_BYTES + 1),
        File("b.py", "http://169.254.169.254/latest", 10, "text/plain"),
        File("c.py", f"{cdn.make_url('/')}".replace("http://", "http://cdn.discordapp.com@"), 10, "text/plain"),
    ]
    read = await attachments.read_into(QUESTION, files)
    assert [line.partition(": ")[2] for line in read.text.splitlines()[2:]] == [
        "not read, because it is not a text file]",
        "not read, because it is not a text file]",
        "not read, because it is larger than 64 KiB]",
        "not read, because it does not come from Discord]",
        "not read, because it does not come from Discord]",
    ]
    assert cdn.app[ASKED] == []


async def test_an_address_that_is_none_costs_no_question(attachments: Attachments) -> None:
    """It is read without that file."""
    read = await attachments.read_into(QUESTION, [File("d.py", "https://[::1", 10, "text/plain")])
    assert read.text == "why?\n\n[d.py: not read, because it does not come from Discord]"


async def test_the_largest_is_read(cdn: TestServer, attachments: Attachments) -> None:
    """64 KiB."""
    read = await attachments.read_into(QUESTION, [file(cdn, "full.txt", size=MAX_BYTES)])
    assert read.text.count("x") == MAX_BYTES + 1  # and the name's own


async def test_a_few_are_read(cdn: TestServer, attachments: Attachments) -> None:
    """Of many the first five."""
    read = await attachments.read_into(QUESTION, [file(cdn, "a.py")] * (MAX_FILES + 2))
    assert read.text.count("print(1)") == MAX_FILES
    assert read.text.count("not read, because I read 5 files of a message") == 2


async def test_a_question_can_be_a_file_alone(cdn: TestServer, attachments: Attachments) -> None:
    """Discord makes one of a long paste."""
    question = InboundMessage(QUESTION.address, "3", "4", "Ada", "", 0.0)
    assert (await attachments.read_into(question, [file(cdn, "a.py")])).text == "a.py:\n```\nprint(1)\n```"


def test_only_discords_own_hosts_are_trusted() -> None:
    """Over https."""
    assert CDN == ("https://cdn.discordapp.com", "https://media.discordapp.net")
