"""Files that come with a message or a form, fetched: how many, how much of each, and what is told of the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import aiohttp

from adapters.attachments import MAX_BYTES, harmless_name, read_file, too_large
from conversation.errors import CorralError
from conversation.skills import CodeFile

log = logging.getLogger(__name__)

MAX_FILES = 5
# After many files too long a list would be all that is seen below the answer.
MAX_REMARKS = 5


class Described(Protocol):
    """A file as a platform tells of it."""

    @property
    def name(self) -> str: ...


Given = TypeVar("Given", bound=Described)


@dataclass(frozen=True, slots=True)
class Read:
    """Files as text, and a sentence for each that was not read."""

    files: tuple[CodeFile, ...] = ()
    remarks: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is in a file, at most a byte more than is read of it. None: the platform did not give it."""

    name: str
    data: bytes | None


class NotFetched(Exception):
    """It is not even asked for; the text is a sentence for its person."""


async def read_all(
    files: Sequence[Given], fetch: Callable[[Given], Awaitable[Fetched]], platform: str, seconds: float
) -> Read:
    """All that can be read, each within so many seconds. Of what `fetch` raises, whatever a platform or a network does
    to us is foreseen."""
    found = await asyncio.gather(*(_read(file, fetch, platform, seconds) for file in files[:MAX_FILES]))
    told = [one for one in found if isinstance(one, str)]
    told += [_not_read(file.name, f"I read {MAX_FILES} files of a message") for file in files[MAX_FILES:]]
    if len(told) > MAX_REMARKS:
        told[MAX_REMARKS - 1 :] = [f"{len(told) - MAX_REMARKS + 1} more files were not read."]
    return Read(tuple(one for one in found if isinstance(one, CodeFile)), "\n".join(told))


def check_size(name: str, size: int) -> None:
    """Raises NotFetched for what is too large by the platform's own word; its type is a guess by the name."""
    if size > MAX_BYTES:
        raise NotFetched(too_large(name))


def elsewhere(name: str, platform: str) -> NotFetched:
    """It lies where nothing of ours is to be sent."""
    return NotFetched(_not_read(name, f"it does not come from {platform}"))


async def bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """What it gives, at most a byte more than is read of a file; None when it gives nothing."""
    if response.status != 200:
        return None
    data = bytearray()
    async for piece in response.content.iter_any():
        data += piece
        if len(data) > MAX_BYTES:
            break
    return bytes(data[: MAX_BYTES + 1])


async def _read(
    file: Given, fetch: Callable[[Given], Awaitable[Fetched]], platform: str, seconds: float
) -> CodeFile | str:
    """What is in it, or a sentence: why that is not known."""
    try:
        async with asyncio.timeout(seconds):
            fetched = await fetch(file)
    except NotFetched as reason:
        return str(reason)
    except (CorralError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
        # Its kind alone: the text may hold the address.
        log.info("a file was not given: %s", type(exc).__name__)
        fetched = Fetched(file.name, None)
    if fetched.data is None:
        return _not_read(file.name, f"{platform} did not give it to me")
    # In a thread: to find an old encoding takes its time.
    return await asyncio.to_thread(read_file, fetched.name, fetched.data)


def _not_read(name: str, why: str) -> str:
    return f"{harmless_name(name)} was not read: {why}."
