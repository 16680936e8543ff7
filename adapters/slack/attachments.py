"""Files that people attach, read with the bot's token (docs.slack.dev/reference/objects/file-object).

Their addresses want the token and answer strangers with a page for signing in, with 200 like a file: what is not as
long as Slack says is not the file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from adapters.attachments import MAX_BYTES, harmless_name, read_file, too_large
from adapters.slack.api import SlackApi
from adapters.slack.payloads import Json, Malformed, part, string
from conversation.errors import CorralError
from conversation.skills import CodeFile

log = logging.getLogger(__name__)

MAX_FILES = 5
# Of the three seconds that Slack waits for the acknowledgement: who is not done by then is told.
READ_SECONDS = 1.5
MAX_REMARKS = 10

_TOO_MANY = f"I read {MAX_FILES} files of a message"
_ELSEWHERE = "it does not lie in Slack"
_NOT_GIVEN = "Slack did not give it to me"
# A message may name files that are described only to those who ask (files of shared channels).
_ASK_FOR_IT = "check_file_info"
_OF_OTHERS = frozenset({"external", "remote"})


@dataclass(frozen=True, slots=True)
class File:
    """What somebody attached. `size` is bytes; `url` is "" where Slack does not say it at once."""

    id: str
    name: str = ""
    size: int = 0
    url: str = ""
    is_elsewhere: bool = False  # only a link to it was attached


@dataclass(frozen=True, slots=True)
class Read:
    """Files as text, and a sentence for each that was not read."""

    files: tuple[CodeFile, ...] = ()
    remarks: str = ""


def files_of(described: object) -> tuple[File, ...]:
    """The files of a message's or a form's `files`; what is none is left out."""
    found: list[File] = []
    for one in described if isinstance(described, Sequence) and not isinstance(described, str) else ():
        try:
            file = _file(part(one))
        except Malformed as exc:
            log.warning("a file of Slack's cannot be read: %s", exc)
            continue
        if file.id:
            found.append(file)
    return tuple(found)


class Attachments:
    """Reads files. Never raises what is foreseen."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def read(self, team: str, files: Sequence[File], *, seconds: float = READ_SECONDS) -> Read:
        """All that can be read within so many seconds."""
        found = await asyncio.gather(*(self._read(team, file, seconds) for file in files[:MAX_FILES]))
        told = [one for one in found if isinstance(one, str)]
        told += [_not_read(file.name, _TOO_MANY) for file in files[MAX_FILES:]]
        texts = tuple(one for one in found if isinstance(one, CodeFile))
        return Read(texts, "\n".join(told[:MAX_REMARKS]))

    async def _read(self, team: str, file: File, seconds: float) -> CodeFile | str:
        """What is in it, or a sentence: why that is not known."""
        try:
            async with asyncio.timeout(seconds):
                described = await self._described(team, file)
                if described.is_elsewhere:
                    return _not_read(described.name, _ELSEWHERE)
                # Slack's type is a guess by the name.
                if described.size > MAX_BYTES:
                    return too_large(described.name)
                data = await self._fetch(described)
        except (CorralError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            # Its kind alone: the text may hold the address.
            log.info("a file was not given: %s", type(exc).__name__)
            data = None
        if data is None:
            return _not_read(file.name, _NOT_GIVEN)
        # In a thread: to find an old encoding takes its time.
        return await asyncio.to_thread(read_file, described.name, data)

    async def _described(self, team: str, file: File) -> File:
        if file.url or file.is_elsewhere:
            return file
        told = await self._api.ask(team, "files.info", file=file.id)
        return _file(part(told, "file"))

    async def _fetch(self, file: File) -> bytes | None:
        """All of it; None when it is not there."""
        async with self._api.request("GET", file.url, with_token=True) as response:
            if response.status != 200:
                return None
            data = bytearray()
            async for piece in response.content.iter_any():
                data += piece
                if len(data) > MAX_BYTES:
                    break
        return bytes(data[: MAX_BYTES + 1]) if len(data) == file.size or len(data) > MAX_BYTES else None


def _file(described: Json) -> File:
    size = described.get("size")
    is_open = string(described, "file_access") != _ASK_FOR_IT
    return File(
        id=string(described, "id"),
        name=string(described, "name") or string(described, "title"),
        size=size if isinstance(size, int) else 0,
        url=(string(described, "url_private_download") or string(described, "url_private")) if is_open else "",
        is_elsewhere=described.get("is_external") is True or string(described, "mode") in _OF_OTHERS,
    )


def _not_read(name: str, why: str) -> str:
    return f"{harmless_name(name)} was not read: {why}."
