"""Text and code that people attach, read into their question. Discord itself makes a file of a long paste.

Only from Discord's own hosts, over https, without following anything elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

import aiohttp

from adapters.discord.events import File
from adapters.fetching import Fetched, Read, bounded, check_size, elsewhere, read_all
from adapters.proxies import proxy_for

CDN = ("https://cdn.discordapp.com", "https://media.discordapp.net")
READ_SECONDS = 5.0
_PLATFORM = "Discord"


class Attachments:
    """Reads files. `origins` are where they may come from, as `scheme://host[:port]`."""

    def __init__(self, session: aiohttp.ClientSession, *, origins: Collection[str] = CDN) -> None:
        self._session, self._origins = session, frozenset(origins)

    async def read(self, files: Sequence[File]) -> Read:
        """What is in them. Never raises what is foreseen."""
        return await read_all(files, self._fetch, _PLATFORM, READ_SECONDS)

    async def _fetch(self, file: File) -> Fetched:
        if not self._is_ours(file.url):
            raise elsewhere(file.name, _PLATFORM)
        check_size(file.name, file.size)
        async with self._session.get(file.url, allow_redirects=False, proxy=proxy_for(file.url)) as response:
            return Fetched(file.name, await bounded(response))

    def _is_ours(self, address: str) -> bool:
        try:
            url = urlsplit(address)
        except ValueError:  # half an IPv6 address, say
            return False
        return f"{url.scheme}://{url.netloc}" in self._origins
