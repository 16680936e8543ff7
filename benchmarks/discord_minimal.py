"""What stands beside Corral in the Discord benchmarks: the least that answers a mention in a thread of its own and
streams.

An honest small bot as discord.py's documentation suggests it: it keeps nothing, edits once a second, and leaves the
rate limits to discord.py. Environment: DISCORD_TOKEN, MODEL_URL.
"""

from __future__ import annotations

import asyncio
import json
import os
import time

import aiohttp
import discord

EDIT_SECONDS = 1.0


class Minimal(discord.Client):
    """Answers until the process is ended."""

    async def setup_hook(self) -> None:
        """See discord.py."""
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def on_message(self, message: discord.Message) -> None:
        """See discord.py."""
        if self.user not in message.mentions:
            return
        question = message.content.partition("> ")[2]
        thread = await message.create_thread(name=question[:100])
        body = {"inputs": f"[INST] {question} [/INST]", "parameters": {"max_new_tokens": 1024}}
        reply, text, next_edit_at = None, "", 0.0
        async with self.session.post(os.environ["MODEL_URL"] + "/generate_stream", json=body) as response:
            async for line in response.content:
                if not line.startswith(b"data:"):
                    continue
                token = json.loads(line[5:])["token"]
                text += "" if token["special"] else token["text"]
                if not text.strip() or time.monotonic() < next_edit_at:
                    continue
                if reply is None:
                    reply = await thread.send(text)
                else:
                    await reply.edit(content=text)
                next_edit_at = time.monotonic() + EDIT_SECONDS
        if reply is not None:
            await reply.edit(content=text)


async def main() -> None:
    """Connect."""
    intents = discord.Intents.default()
    intents.message_content = True
    async with Minimal(intents=intents) as client:
        await client.start(os.environ["DISCORD_TOKEN"])


if __name__ == "__main__":
    asyncio.run(main())
