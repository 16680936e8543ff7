"""Files that people attach, read with the bot's token (docs.slack.dev/reference/objects/file-object).

Their addresses want the token and answer strangers with a page for signing in, with 200 like a file: what is not as
long as Slack says is not the file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.attachments import MAX_BYTES
from adapters.fetching import Fetched, Read, bounded, check_size, elsewhere, read_all
from adapters.slack.api import SlackApi
from adapters.slack.payloads import Json, Malformed, part, string

log = logging.getLogger(__name__)

# Of the three seconds that Slack waits for the acknowledgement: who is not done by then is told.
READ_SECONDS = 1.5
_PLATFORM = "Slack"
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
    """Reads files."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def read(self, team: str, files: Sequence[File], *, seconds: float = READ_SECONDS) -> Read:
        """All that can be read within so many seconds. Never raises what is foreseen."""

        async def fetch(file: File) -> Fetched:
            described = await self._described(team, file)
            if described.is_elsewhere:
                raise elsewhere(described.name, _PLATFORM)
            check_size(described.name, described.size)
            return Fetched(described.name, await self._whole(described))

        return await read_all(files, fetch, _PLATFORM, seconds)

    async def _described(self, team: str, file: File) -> File:
        if file.url or file.is_elsewhere:
            return file
        told = await self._api.ask(team, "files.info", file=file.id)
        return _file(part(told, "file"))

    async def _whole(self, file: File) -> bytes | None:
        """None when it is not all there."""
        async with self._api.request("GET", file.url, with_token=True) as response:
            data = await bounded(response)
        return data if data is not None and (len(data) == file.size or len(data) > MAX_BYTES) else None


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
