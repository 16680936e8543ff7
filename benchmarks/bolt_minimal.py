"""What stands beside Corral in the Slack benchmarks: the least that answers in a thread and streams.

An honest small app as the documentation of Bolt and of chat_stream suggests it: it keeps nothing, and knows no limits.
Environment: SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_API_URL, MODEL_URL; BUFFER_SIZE is chat_stream's, in characters.
"""

from __future__ import annotations

import json
import os
from typing import Any

import aiohttp
import uvloop
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient


async def main() -> None:
    """Answer until the process is ended."""
    settings = os.environ
    app = AsyncApp(client=AsyncWebClient(settings["SLACK_BOT_TOKEN"], base_url=settings["SLACK_API_URL"]))
    buffer_size = int(settings.get("BUFFER_SIZE", "32"))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        @app.event("app_mention")
        async def answer(event: dict[str, Any], client: AsyncWebClient, context: AsyncBoltContext) -> None:
            question = event["text"].partition("> ")[2]
            body = {"inputs": f"[INST] {question} [/INST]", "parameters": {"max_new_tokens": 1024}}
            stream = await client.chat_stream(
                channel=event["channel"],
                thread_ts=event["ts"],
                recipient_team_id=context.team_id,
                recipient_user_id=event["user"],
                buffer_size=buffer_size,
            )
            async with session.post(settings["MODEL_URL"] + "/generate_stream", json=body) as response:
                async for line in response.content:
                    if line.startswith(b"data:"):
                        token = json.loads(line[5:])["token"]
                        await stream.append(markdown_text="" if token["special"] else token["text"])
            await stream.stop()

        @app.event("message")
        async def ignore() -> None:
            """The local Slack knows no subscriptions: it also delivers what this app would not have asked for."""

        listening = AsyncSocketModeHandler(app, settings["SLACK_APP_TOKEN"])
        await listening.start_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    uvloop.run(main())
