"""Files that come with a question, from a local CDN."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.attachments import MAX_BYTES
from adapters.discord.attachments import CDN, Attachments
from adapters.discord.events import File
from adapters.fetching import MAX_FILES, MAX_REMARKS, Read
from adapters.understanding import understood
from conversation.model import InboundMessage, ThreadId

QUESTION = InboundMessage(ThreadId("discord", "1", "2", "3"), "3", "4", "Ada", "why?", 0.0)

ASKED: web.AppKey[list[str]] = web.AppKey("asked")

GIVEN: dict[str, tuple[bytes, int]] = {
    "a.py": (b"print(1)\n", 200),
    "a.ts": (b"let a: string\n", 200),
    "bom.txt": (b"\xef\xbb\xbfhello", 200),
    "fence.md": (b"```\nx\n```", 200),
    "latin.txt": (b"caf\xe9", 200),
    "nul.bin": (b"a\x00b", 200),
    "archive.py": (b"PK\x03\x04" + bytes(30), 200),
    "code.zip": (b"print(1)\n", 200),
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
    read = await attachments.read(files)
    assert read.remarks == ""
    assert understood(QUESTION, read, by_name=False, above=False).text == (
        "why?\n\na.py:\n```python\nprint(1)\n```\n\nbom.txt:\n```\nhello\n```\n\n"
        "fence.md:\n````markdown\n```\nx\n```\n````"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nul.bin", "is not a text file, and I read only text and code. "),
        ("archive.py", "is a ZIP archive, and I read only text and code. "),
        ("gone.txt", "was not read: Discord did not give it to me."),
        ("moved.txt", "was not read: Discord did not give it to me."),
        ("liar.txt", "is larger than 64 KiB. "),
    ],
)
async def test_what_cannot_be_read_is_told(cdn: TestServer, attachments: Attachments, name: str, why: str) -> None:
    """In a sentence for the person, and nothing is followed elsewhere."""
    read = await attachments.read([file(cdn, name)])
    assert read.files == ()
    assert read.remarks.startswith(f"{name} {why}")
    assert "a.py" not in cdn.app[ASKED]


async def test_what_is_inside_counts(cdn: TestServer, attachments: Attachments) -> None:
    """Not what Discord takes a file for by its name: TypeScript for a video, and code in old encodings is read too."""
    files = [file(cdn, "a.ts", content_type="video/mp2t"), file(cdn, "code.zip"), file(cdn, "latin.txt")]
    read = await attachments.read(files)
    assert [one.text for one in read.files] == ["let a: string\n", "print(1)\n", "café"]
    assert [one.language.tag if one.language else "" for one in read.files] == ["typescript", "", ""]
    assert read.remarks == ""


async def test_what_is_too_large_or_from_elsewhere_is_not_asked_for(cdn: TestServer, attachments: Attachments) -> None:
    """An address that only looks like Discord's is from elsewhere."""
    files = [
        file(cdn, "a.py", size=MAX_BYTES + 1),
        File("b{0}.py", "http://169.254.169.254/latest", 10, "text/plain"),
        File("c.py", f"{cdn.make_url('/')}".replace("http://", "http://cdn.discordapp.com@"), 10, "text/plain"),
    ]
    read = await attachments.read(files)
    assert read.remarks.splitlines() == [
        "a.py is larger than 64 KiB. Send the part of it that matters.",
        "b{0}.py was not read: it does not come from Discord.",
        "c.py was not read: it does not come from Discord.",
    ]
    assert cdn.app[ASKED] == []


async def test_an_address_that_is_none_costs_no_question(attachments: Attachments) -> None:
    """It is read without that file."""
    read = await attachments.read([File("d.py", "https://[::1", 10, "text/plain")])
    assert read == Read(remarks="d.py was not read: it does not come from Discord.")


async def test_the_largest_is_read(cdn: TestServer, attachments: Attachments) -> None:
    """64 KiB."""
    read = await attachments.read([file(cdn, "full.txt", size=MAX_BYTES)])
    assert [len(one.text) for one in read.files] == [MAX_BYTES]


async def test_a_few_are_read(cdn: TestServer, attachments: Attachments) -> None:
    """Of many the first five; of the others so many sentences as leave room for the answer."""
    read = await attachments.read([file(cdn, "a.py")] * (MAX_FILES + 2))
    assert len(read.files) == MAX_FILES
    assert read.remarks.count("was not read: I read 5 files of a message.") == 2
    many = await attachments.read([file(cdn, "a.py")] * (MAX_FILES + 50))
    assert len(many.remarks.splitlines()) == MAX_REMARKS
    assert many.remarks.endswith("46 more files were not read.")


async def test_a_question_can_be_a_file_alone(cdn: TestServer, attachments: Attachments) -> None:
    """Discord makes one of a long paste."""
    question = InboundMessage(QUESTION.address, "3", "4", "Ada", "", 0.0)
    read = await attachments.read([file(cdn, "a.py")])
    assert understood(question, read, by_name=False, above=False).text == "a.py:\n```python\nprint(1)\n```"


def test_only_discords_own_hosts_are_trusted() -> None:
    """Over https."""
    assert CDN == ("https://cdn.discordapp.com", "https://media.discordapp.net")
