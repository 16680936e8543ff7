"""Text and code that people attach, read into their question. Discord itself makes a file of a long paste.

Only from Discord's own hosts, over https, without following anything elsewhere; few, small, and only text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import aiohttp

from adapters.discord.events import File
from adapters.proxies import proxy_for
from conversation.attached import with_file
from conversation.intake import storable
from conversation.model import InboundMessage

log = logging.getLogger(__name__)

CDN = ("https://cdn.discordapp.com", "https://media.discordapp.net")
MAX_FILES, MAX_BYTES = 5, 64 * 1024
MAX_TOLD = 3  # sentences below an answer
READ_SECONDS = 5.0

# What is surely no text. The rest is tried: many kinds of code have a type that Discord does not know.
_NO_TEXT = ("image/", "video/", "audio/", "font/", "application/pdf", "application/zip", "application/gzip")
_ARCHIVES = frozenset({".7z", ".bz2", ".gz", ".jar", ".rar", ".tar", ".tgz", ".whl", ".xz", ".zip", ".zst"})

_TOO_LARGE = f"it is larger than {MAX_BYTES // 1024} KiB"
_NOT_TEXT = "it is not a text file"
_TOO_MANY = f"I read {MAX_FILES} files of a message"
_ELSEWHERE = "it does not come from Discord"
_NOT_GIVEN = "Discord did not give it to me"


class Attachments:
    """Reads files. `origins` are where they may come from, as `scheme://host[:port]`."""

    def __init__(self, session: aiohttp.ClientSession, *, origins: Collection[str] = CDN) -> None:
        self._session, self._origins = session, frozenset(origins)

    async def read_into(self, message: InboundMessage, files: Sequence[File]) -> InboundMessage:
        """The message with its files below its text, each in a fence; or with a line that says why one was not read,
        for the model and for the person."""
        read = await asyncio.gather(*(self._read(file) for file in files[:MAX_FILES]))
        text, notes, told = message.text, [], []
        for file, (content, why) in zip(files, [*read, *[("", _TOO_MANY)] * (len(files) - len(read))], strict=True):
            name = file.name.replace("\n", " ")
            if why:
                notes.append(f"[{name}: not read, because {why}]")
                told.append(f"I did not read `{name.replace('`', '')[:60]}`: {why}.")
            else:
                text = with_file(text, name, content).strip()
        # After many files too long a list would be all that is left of the message.
        text = "\n\n".join(part for part in (text, "\n".join(notes[:10])) if part)
        return replace(message, text=text, remarks="\n".join(told[:MAX_TOLD]))

    async def _read(self, file: File) -> tuple[str, str]:
        """(text, "") or ("", why not)."""
        if why := self._refusal(file):
            return "", why
        try:
            async with asyncio.timeout(READ_SECONDS):
                data = await self._fetch(file.url)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            log.info("an attachment was not given: %s", type(exc).__name__)
            return "", _NOT_GIVEN
        if data is None:
            return "", _NOT_GIVEN
        if len(data) > MAX_BYTES:
            return "", _TOO_LARGE
        try:
            text = storable(data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            return "", _NOT_TEXT
        return ("", _NOT_TEXT) if "\x00" in text else (text, "")

    def _refusal(self, file: File) -> str:
        try:
            url = urlsplit(file.url)
        except ValueError:  # half an IPv6 address, say
            return _ELSEWHERE
        if f"{url.scheme}://{url.netloc}" not in self._origins:
            return _ELSEWHERE
        if file.content_type.lower().startswith(_NO_TEXT) or PurePosixPath(file.name.lower()).suffix in _ARCHIVES:
            return _NOT_TEXT
        return _TOO_LARGE if file.size > MAX_BYTES else ""

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
