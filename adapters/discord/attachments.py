"""Text and code that people attach, read into their question. Discord itself makes a file of a long paste.

Only from Discord's own hosts, over https, without following anything elsewhere; few, small, and only text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from adapters.attachments import MAX_BYTES, harmless_name, read_file, too_large
from adapters.discord.events import File
from adapters.proxies import proxy_for
from conversation.skills import CodeFile

log = logging.getLogger(__name__)

CDN = ("https://cdn.discordapp.com", "https://media.discordapp.net")
MAX_FILES = 5
READ_SECONDS = 5.0

# After many files too long a list would be all that is seen below the answer.
MAX_REMARKS = 5

_TOO_MANY = f"I read {MAX_FILES} files of a message"
_ELSEWHERE = "it does not come from Discord"
_NOT_GIVEN = "Discord did not give it to me"


@dataclass(frozen=True, slots=True)
class Read:
    """The files that could be read, and sentences about those that could not."""

    files: tuple[CodeFile, ...] = ()
    remarks: str = ""


class Attachments:
    """Reads files. `origins` are where they may come from, as `scheme://host[:port]`."""

    def __init__(self, session: aiohttp.ClientSession, *, origins: Collection[str] = CDN) -> None:
        self._session, self._origins = session, frozenset(origins)

    async def read(self, files: Sequence[File]) -> Read:
        """What is in them."""
        found = await asyncio.gather(*(self._read(file) for file in files[:MAX_FILES]))
        found += [_not_read(file, _TOO_MANY) for file in files[MAX_FILES:]]
        remarks = [one for one in found if isinstance(one, str)]
        return Read(tuple(one for one in found if isinstance(one, CodeFile)), "\n".join(remarks[:MAX_REMARKS]))

    async def _read(self, file: File) -> CodeFile | str:
        """What is in it, or a sentence: why that is not known."""
        if why := self._refusal(file):
            return why
        try:
            async with asyncio.timeout(READ_SECONDS):
                data = await self._fetch(file.url)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            log.info("an attachment was not given: %s", type(exc).__name__)
            data = None
        if data is None:
            return _not_read(file, _NOT_GIVEN)
        # In a thread: to find an old encoding takes its time.
        return await asyncio.to_thread(read_file, file.name, data)

    def _refusal(self, file: File) -> str:
        try:
            url = urlsplit(file.url)
        except ValueError:  # half an IPv6 address, say
            return _not_read(file, _ELSEWHERE)
        if f"{url.scheme}://{url.netloc}" not in self._origins:
            return _not_read(file, _ELSEWHERE)
        # Discord's type is a guess by the name: of TypeScript it says that it is a video.
        return too_large(file.name) if file.size > MAX_BYTES else ""

    async def _fetch(self, url: str) -> bytes | None:
        """The file, at most a byte more than is read; None when it is not there."""
        async with self._session.get(url, allow_redirects=False, proxy=proxy_for(url)) as response:
            if response.status != 200:
                return None
            data = bytearray()
            async for piece in response.content.iter_any():
                data += piece
                if len(data) > MAX_BYTES:
                    break
            return bytes(data[: MAX_BYTES + 1])


def _not_read(file: File, why: str) -> str:
    return f"{harmless_name(file.name)} was not read: {why}."
